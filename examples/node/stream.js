// A service that forwards the events of another system, in Node: it tells of orders in a stream, and follows what comes of
// them. Both streams may break at any time: what was not answered is sent again, and the watch goes on where it was.
//
//     npm install && node stream.js 127.0.0.1:7400 TENANT
'use strict';

const { setTimeout: sleep } = require('node:timers/promises');
const grpc = require('@grpc/grpc-js');
const { api, identity } = require('./client.js');

// Messages on their way at most: what the server has not answered is kept here, to be sent again.
const AHEAD = 4;
const PASSING = [grpc.status.UNAVAILABLE, grpc.status.ABORTED, grpc.status.DEADLINE_EXCEEDED];

/** Sends messages and hands their answers to `answered`. A stream that breaks is opened again. */
async function push(activities, who, messages, answered) {
  const unanswered = new Map(messages.map((message, at) => [at + 1, message]));
  while (unanswered.size > 0) {
    const stream = activities.IngestActivities(who);
    const waiting = [...unanswered.keys()];
    const send = () => {
      const sequence = waiting.shift();
      if (sequence !== undefined) stream.write({ sequence, activities: unanswered.get(sequence) });
      else if (!stream.writableEnded) stream.end();
    };
    for (let at = 0; at < AHEAD; at += 1) if (waiting.length > 0) send();
    try {
      for await (const answer of stream) {
        answered(answer);
        unanswered.delete(answer.sequence);
        send();
      }
    } catch (error) {
      if (!PASSING.includes(error.code)) throw error;
      await sleep(1000);
    }
  }
}

/** Yields what a watch says until it ends or breaks, and ends it when nobody wants more. */
async function* watch(events, who, request) {
  const stream = events.WatchEvents(request, who);
  // Whoever reads it is told; that it was cancelled, nobody needs to know.
  stream.on('error', () => {});
  try {
    yield* stream;
  } catch (error) {
    if (!PASSING.includes(error.code)) throw error;
    await sleep(1000);
  } finally {
    stream.cancel();
  }
}

/** The position from which on everything is new. */
async function begin(events, who) {
  for await (const { heartbeat } of watch(events, who, { from_now: true })) return heartbeat.position;
  throw new Error('the watch ended at once');
}

/** What the other system says of an order: it was created, and confirmed. It knows the account by its own id. */
function order(number) {
  const now = Date.now();
  return ['created', 'confirmed'].map((action) => ({
    event_id: `order-${number}/${action}`,
    external_account_id: `erp-${number}`,
    kind: `sales_order.${action}`,
    object_id: `order-${number}`,
    occur_time: { seconds: Math.floor(now / 1000), nanos: (now % 1000) * 1e6 },
    amount: { amount: `${1200 + number}.50`, currency: 'EUR' },
  }));
}

async function main(address, tenant, number = 12) {
  const clients = [];
  const connect = (name) => {
    const client = new api[name](address, grpc.credentials.createInsecure());
    clients.push(client);
    return client;
  };
  const call = (client, method, request, metadata) =>
    new Promise((resolve, reject) => {
      client[method](request, metadata, (error, answer) => (error ? reject(error) : resolve(answer)));
    });
  const rosa = identity(tenant, 'crm', 'act-as', 'rosa');
  const shop = identity(tenant, 'shop', 'ingest,events');
  const users = [{ id: 'rosa', display_name: 'Rosa', active: true }];
  const identities = identity(tenant, 'identity', 'directory');
  await call(connect('DirectoryService'), 'BatchUpsertUsers', { users }, identities);
  const accounts = connect('AccountService');
  const ids = new Set();
  for (let at = 0; at < number; at += 1) {
    const new_account = { account: { name: `Webshop customer ${at}`, external_id: `erp-${at}` } };
    const { account } = await call(accounts, 'CreateAccount', { new_account, request_id: `create-erp-${at}` }, rosa);
    ids.add(account.id);
  }

  const events = connect('EventService');
  let position = await begin(events, shop);
  const outcomes = [];
  const messages = [...Array(number).keys()].map(order);
  // The server's status is of the message; each activity has a result of its own.
  await push(connect('ActivityService'), shop, messages, (answer) => {
    outcomes.push(...answer.results.map(({ outcome }) => outcome));
  });
  const recorded = outcomes.filter((outcome) => outcome === 'RECORD_OUTCOME_RECORDED').length;
  console.log(`told of ${outcomes.length} activities in ${number} messages: ${recorded} recorded`);

  // As if the consumer stopped after some events and came back: it goes on after the position that it noted.
  const seen = new Set();
  let watches = 0;
  while (seen.size < ids.size) {
    watches += 1;
    const enough = watches === 1 ? Math.max(1, Math.floor(number / 3)) : ids.size;
    const request = { after_position: position, filter: { kinds: ['account.activity_recorded'] } };
    for await (const { event } of watch(events, shop, request)) {
      // Heartbeats say how far it is too, where no event fits the filter.
      if (!event) continue;
      if (event.position <= position) throw new Error('positions only rise');
      position = event.position;
      if (ids.has(event.account_id)) seen.add(event.account_id);
      if (seen.size >= enough) break;
    }
  }
  console.log(`saw the events of ${seen.size} accounts in ${watches} watches`);
  for (const client of clients) client.close();
}

main(...process.argv.slice(2)).catch((error) => {
  console.error(error);
  process.exitCode = 1;
});
