// A client of Tidepool in Node, on definitions that are loaded at run time: create, claim, tell of an order, read the
// deadline, be refused.
//
//     npm install && node client.js 127.0.0.1:7400 TENANT
'use strict';

const path = require('node:path');
const grpc = require('@grpc/grpc-js');
const loader = require('@grpc/proto-loader');
const protobuf = require('protobufjs');

const root = path.resolve(__dirname, '../../proto');
const files = ['directory', 'pool', 'retention_rule', 'account', 'circulation', 'activity', 'event'];
const definition = loader.loadSync(
  files.map((name) => `tidepool/v1/${name}_service.proto`),
  { includeDirs: [root], keepCase: true, longs: Number, enums: String, defaults: true, oneofs: true },
);
const api = grpc.loadPackageDefinition(definition).tidepool.v1;
const rpc = new protobuf.Root();
rpc.loadSync([path.join(__dirname, 'error_details.proto')], { keepCase: true });
rpc.resolvePath = (_, target) => path.join(root, target);
rpc.loadSync('google/rpc/status.proto', { keepCase: true });

// The library tries again by itself, and only where nothing was decided yet. With a request_id a change has one effect.
const retry = {
  methodConfig: [
    {
      name: [{}],
      timeout: '10s',
      retryPolicy: {
        maxAttempts: 5,
        initialBackoff: '0.2s',
        maxBackoff: '2s',
        backoffMultiplier: 2,
        retryableStatusCodes: ['UNAVAILABLE'],
      },
    },
  ],
};

/** The metadata of a call. Whoever acts for nobody leaves the actor out. */
function identity(tenant, caller, scopes, actor) {
  const metadata = new grpc.Metadata();
  metadata.set('x-tidepool-tenant', tenant);
  metadata.set('x-tidepool-caller', caller);
  metadata.set('x-tidepool-scopes', scopes);
  if (actor) metadata.set('x-tidepool-actor', actor);
  return metadata;
}

/** Prints what a program decides by: the reason and its facts, and the fields that are wrong. */
function explain(error) {
  console.log(`refused: ${grpc.status[error.code]}: ${error.details}`);
  const [bytes] = error.metadata?.get('grpc-status-details-bin') ?? [];
  if (!bytes) return;
  for (const detail of rpc.lookupType('google.rpc.Status').decode(bytes).details) {
    const type = detail.type_url.split('/').pop();
    if (type === 'google.rpc.ErrorInfo') {
      const info = rpc.lookupType(type).decode(detail.value);
      console.log(`  reason ${info.reason},`, info.metadata);
    } else if (type === 'google.rpc.BadRequest') {
      for (const violation of rpc.lookupType(type).decode(detail.value).field_violations) {
        console.log(`  field ${violation.field}: ${violation.description}`);
      }
    }
  }
}

async function main(address, tenant) {
  const clients = [];
  // The methods of a service as functions of a request and a metadata that answer promises.
  const connect = (name) => {
    const options = { 'grpc.service_config': JSON.stringify(retry) };
    const client = new api[name](address, grpc.credentials.createInsecure(), options);
    clients.push(client);
    return (method, request, metadata) =>
      new Promise((resolve, reject) => {
        client[method](request, metadata, (error, answer) => (error ? reject(error) : resolve(answer)));
      });
  };
  const identities = identity(tenant, 'identity', 'directory');
  const admin = identity(tenant, 'crm', 'act-as', 'maria');
  const ben = identity(tenant, 'crm', 'act-as', 'ben');
  const orders = identity(tenant, 'orders', 'ingest');

  const users = [
    { id: 'maria', display_name: 'Maria', active: true, roles: ['crm-admin'] },
    { id: 'ben', display_name: 'Ben', active: true },
  ];
  await connect('DirectoryService')('BatchUpsertUsers', { users }, identities);

  const wanted = { display_name: 'Fair', administrators: ['maria'], members: { everyone: true }, claim_limit: 1 };
  const { pool } = await connect('PoolService')('CreatePool', { pool: wanted, request_id: 'create-fair' }, admin);
  const reclaim_rule = { pool_id: pool.id, follow_up_days: 30 };
  const rules = connect('RetentionRuleService');
  await rules('CreateReclaimRule', { reclaim_rule, request_id: 'create-rule' }, admin);

  const accounts = connect('AccountService');
  const create = async (name, request_id) => {
    const new_account = { account: { name }, pool_id: pool.id };
    return (await accounts('CreateAccount', { new_account, request_id }, admin)).account;
  };
  const first = await create('Mossbrook Pumps', 'create-first');
  const second = await create('Reedham Solar', 'create-second');
  console.log(`created ${first.name} and ${second.name} in ${pool.display_name}`);

  const time = ({ seconds, nanos }) => new Date(seconds * 1000 + nanos / 1e6).toISOString();
  const circulation = connect('CirculationService');
  const claimed = await circulation('ClaimAccount', { account_id: first.id, request_id: 'claim-first' }, ben);
  console.log(`${claimed.ownership.owner} claimed ${first.name}, until ${time(claimed.ownership.reclaim_time)}`);

  const order = {
    event_id: 'order-1/created',
    account_id: first.id,
    kind: 'sales_order.created',
    object_id: 'order-1',
    occur_time: { seconds: Math.floor(Date.now() / 1000), nanos: (Date.now() % 1000) * 1e6 },
    actor: 'ben',
  };
  const told = await connect('ActivityService')('RecordActivities', { activities: [order] }, orders);
  for (const result of told.results) console.log(`told of an order: ${result.outcome}`);
  const { account } = await accounts('GetAccount', { account_id: first.id }, ben);
  console.log(`the deadline is now ${time(account.ownership.reclaim_time)}`);

  await circulation('ClaimAccount', { account_id: second.id, request_id: 'claim-second' }, ben).catch(explain);
  await create('', 'create-nothing').catch(explain);
  for (const client of clients) client.close();
}

module.exports = { api, identity };

if (require.main === module) {
  main(...process.argv.slice(2)).catch((error) => {
    console.error(error);
    process.exitCode = 1;
  });
}
