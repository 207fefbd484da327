"""A client of Tidepool in Python, on generated code: create, claim, tell of an order, read the deadline, be refused.

    python -m grpc_tools.protoc -I proto --python_out=GEN --grpc_python_out=GEN proto/tidepool/v1/*.proto
    PYTHONPATH=GEN python examples/python/client.py 127.0.0.1:7400 TENANT
"""

import json
import sys

import grpc
from google.protobuf.timestamp_pb2 import Timestamp
from google.rpc import error_details_pb2
from grpc_status import rpc_status

from tidepool.v1 import (
    account_pb2,
    account_service_pb2,
    account_service_pb2_grpc,
    activity_pb2,
    activity_service_pb2,
    activity_service_pb2_grpc,
    circulation_service_pb2,
    circulation_service_pb2_grpc,
    directory_pb2,
    directory_service_pb2,
    directory_service_pb2_grpc,
    pool_pb2,
    pool_service_pb2,
    pool_service_pb2_grpc,
    retention_rule_pb2,
    retention_rule_service_pb2,
    retention_rule_service_pb2_grpc,
)

# The library tries again by itself, and only where nothing was decided yet. With a request_id a change has one effect.
RETRY = {
    "methodConfig": [
        {
            "name": [{}],
            "timeout": "10s",
            "retryPolicy": {
                "maxAttempts": 5,
                "initialBackoff": "0.2s",
                "maxBackoff": "2s",
                "backoffMultiplier": 2,
                "retryableStatusCodes": ["UNAVAILABLE"],
            },
        }
    ]
}


def identity(tenant, caller, scopes, actor=None):
    """The metadata of a call. Whoever acts for nobody leaves the actor out."""
    said = [("x-tidepool-tenant", tenant), ("x-tidepool-caller", caller), ("x-tidepool-scopes", scopes)]
    return said + [("x-tidepool-actor", actor)] if actor else said


def explain(error):
    """Prints what a program decides by: the reason and its facts, and the fields that are wrong."""
    status = rpc_status.from_call(error)
    print(f"refused: {error.code().name}: {error.details()}")
    for detail in status.details if status else ():
        info = error_details_pb2.ErrorInfo()
        bad = error_details_pb2.BadRequest()
        if detail.Unpack(info):
            print(f"  reason {info.reason}, {dict(info.metadata)}")
        elif detail.Unpack(bad):
            for violation in bad.field_violations:
                print(f"  field {violation.field}: {violation.description}")


def main(address, tenant):
    options = [("grpc.service_config", json.dumps(RETRY))]
    with grpc.insecure_channel(address, options) as channel:
        identities = identity(tenant, "identity", "directory")
        admin = identity(tenant, "crm", "act-as", "maria")
        ben = identity(tenant, "crm", "act-as", "ben")
        orders = identity(tenant, "orders", "ingest")

        users = [
            directory_pb2.User(id="maria", display_name="Maria", active=True, roles=["crm-admin"]),
            directory_pb2.User(id="ben", display_name="Ben", active=True),
        ]
        directory = directory_service_pb2_grpc.DirectoryServiceStub(channel)
        request = directory_service_pb2.BatchUpsertUsersRequest(users=users)
        directory.BatchUpsertUsers(request, metadata=identities)

        pool = pool_pb2.Pool(
            display_name="Fair",
            administrators=["maria"],
            members=pool_pb2.PoolMembers(everyone=True),
            claim_limit=1,
        )
        pools = pool_service_pb2_grpc.PoolServiceStub(channel)
        request = pool_service_pb2.CreatePoolRequest(pool=pool, request_id="create-fair")
        pool = pools.CreatePool(request, metadata=admin).pool
        rule = retention_rule_pb2.ReclaimRule(pool_id=pool.id, follow_up_days=30)
        rules = retention_rule_service_pb2_grpc.RetentionRuleServiceStub(channel)
        request = retention_rule_service_pb2.CreateReclaimRuleRequest(reclaim_rule=rule, request_id="create-rule")
        rules.CreateReclaimRule(request, metadata=admin)

        accounts = account_service_pb2_grpc.AccountServiceStub(channel)

        def create(name, request_id):
            new = account_service_pb2.NewAccount(account=account_pb2.Account(name=name), pool_id=pool.id)
            request = account_service_pb2.CreateAccountRequest(new_account=new, request_id=request_id)
            return accounts.CreateAccount(request, metadata=admin).account

        first = create("Mossbrook Pumps", "create-first")
        second = create("Reedham Solar", "create-second")
        print(f"created {first.name} and {second.name} in {pool.display_name}")

        circulation = circulation_service_pb2_grpc.CirculationServiceStub(channel)
        request = circulation_service_pb2.ClaimAccountRequest(account_id=first.id, request_id="claim-first")
        owned = circulation.ClaimAccount(request, metadata=ben).ownership
        print(f"{owned.owner} claimed {first.name}, until {owned.reclaim_time.ToJsonString()}")

        now = Timestamp()
        now.GetCurrentTime()
        order = activity_pb2.Activity(
            event_id="order-1/created",
            account_id=first.id,
            kind="sales_order.created",
            object_id="order-1",
            occur_time=now,
            actor="ben",
        )
        activities = activity_service_pb2_grpc.ActivityServiceStub(channel)
        request = activity_service_pb2.RecordActivitiesRequest(activities=[order])
        for result in activities.RecordActivities(request, metadata=orders).results:
            print(f"told of an order: {activity_pb2.RecordOutcome.Name(result.outcome)}")
        request = account_service_pb2.GetAccountRequest(account_id=first.id)
        after = accounts.GetAccount(request, metadata=ben).account
        print(f"the deadline is now {after.ownership.reclaim_time.ToJsonString()}")

        try:
            request = circulation_service_pb2.ClaimAccountRequest(account_id=second.id, request_id="claim-second")
            circulation.ClaimAccount(request, metadata=ben)
        except grpc.RpcError as error:
            explain(error)
        try:
            create("", "create-nothing")
        except grpc.RpcError as error:
            explain(error)


if __name__ == "__main__":
    main(*sys.argv[1:3])
