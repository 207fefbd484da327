"""A service that forwards the events of another system, in Python: it tells of orders in a stream, and follows what comes
of them. Both streams may break at any time: what was not answered is sent again, and the watch goes on where it was.

    PYTHONPATH=GEN python examples/python/stream.py 127.0.0.1:7400 TENANT      (GEN as in client.py)
"""

import contextlib
import sys
import threading
import time

import grpc
from google.protobuf.timestamp_pb2 import Timestamp

from client import identity
from tidepool.v1 import (
    account_pb2,
    account_service_pb2,
    account_service_pb2_grpc,
    activity_pb2,
    activity_service_pb2,
    activity_service_pb2_grpc,
    directory_pb2,
    directory_service_pb2,
    directory_service_pb2_grpc,
    event_pb2,
    event_service_pb2,
    event_service_pb2_grpc,
    money_pb2,
)

# Messages on their way at most: what the server has not answered is kept here, to be sent again.
AHEAD = 4
PASSING = (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.ABORTED, grpc.StatusCode.DEADLINE_EXCEEDED)


def push(activities, who, messages):
    """Sends messages and yields their answers. A stream that breaks is opened again."""
    unanswered = dict(enumerate(messages, 1))
    while unanswered:
        room = threading.Semaphore(AHEAD)

        def send():
            for sequence in sorted(unanswered):
                room.acquire()
                yield activity_service_pb2.IngestActivitiesRequest(
                    sequence=sequence, activities=unanswered[sequence]
                )

        try:
            for answer in activities.IngestActivities(send(), metadata=who):
                yield answer
                del unanswered[answer.sequence]
                room.release()
        except grpc.RpcError as error:
            if error.code() not in PASSING:
                raise
            time.sleep(1)
        finally:
            # Whoever waits for room in a stream that is over would wait for ever.
            room.release(AHEAD)


def begin(events, who):
    """The position from which on everything is new."""
    watch = events.WatchEvents(event_service_pb2.WatchEventsRequest(from_now=True), metadata=who)
    position = next(watch).heartbeat.position
    watch.cancel()
    return position


def follow(events, who, after):
    """Yields what happens after a position where activities were recorded, until the watch ends or nobody wants more."""
    wanted = event_pb2.EventFilter(kinds=["account.activity_recorded"])
    request = event_service_pb2.WatchEventsRequest(after_position=after, filter=wanted)
    watch = events.WatchEvents(request, metadata=who)
    try:
        for told in watch:
            # Heartbeats say how far it is too, where no event fits the filter.
            if told.HasField("event"):
                yield told.event
    except grpc.RpcError as error:
        if error.code() not in PASSING:
            raise
        time.sleep(1)
    finally:
        watch.cancel()


def order(number):
    """What the other system says of an order: it was created, and confirmed. It knows the account by its own id."""

    def said(action):
        now = Timestamp()
        now.GetCurrentTime()
        return activity_pb2.Activity(
            event_id=f"order-{number}/{action}",
            external_account_id=f"erp-{number}",
            kind=f"sales_order.{action}",
            object_id=f"order-{number}",
            occur_time=now,
            amount=money_pb2.Money(amount=f"{1200 + number}.50", currency="EUR"),
        )

    return [said("created"), said("confirmed")]


def main(address, tenant, number=12):
    with grpc.insecure_channel(address) as channel:
        rosa = identity(tenant, "crm", "act-as", "rosa")
        shop = identity(tenant, "shop", "ingest,events")
        user = directory_pb2.User(id="rosa", display_name="Rosa", active=True)
        request = directory_service_pb2.BatchUpsertUsersRequest(users=[user])
        directory = directory_service_pb2_grpc.DirectoryServiceStub(channel)
        directory.BatchUpsertUsers(request, metadata=identity(tenant, "identity", "directory"))
        accounts = account_service_pb2_grpc.AccountServiceStub(channel)
        ids = set()
        for at in range(number):
            account = account_pb2.Account(name=f"Webshop customer {at}", external_id=f"erp-{at}")
            new = account_service_pb2.NewAccount(account=account)
            request = account_service_pb2.CreateAccountRequest(new_account=new, request_id=f"create-erp-{at}")
            ids.add(accounts.CreateAccount(request, metadata=rosa).account.id)

        events = event_service_pb2_grpc.EventServiceStub(channel)
        position = begin(events, shop)
        activities = activity_service_pb2_grpc.ActivityServiceStub(channel)
        outcomes = []
        for answer in push(activities, shop, [order(at) for at in range(number)]):
            # The server's status is of the message; each activity has a result of its own.
            outcomes += [activity_pb2.RecordOutcome.Name(result.outcome) for result in answer.results]
        recorded = outcomes.count("RECORD_OUTCOME_RECORDED")
        print(f"told of {len(outcomes)} activities in {number} messages: {recorded} recorded")

        # As if the consumer stopped after some events and came back: it goes on after the position that it noted.
        seen, watches = set(), 0
        while seen != ids:
            watches += 1
            enough = max(1, number // 3) if watches == 1 else number
            with contextlib.closing(follow(events, shop, position)) as told:
                for event in told:
                    assert event.position > position, "positions only rise"
                    position = event.position
                    # Of other accounts it is told as well.
                    if event.account_id in ids:
                        seen.add(event.account_id)
                    if len(seen) >= enough:
                        break
        print(f"saw the events of {len(seen)} accounts in {watches} watches")


if __name__ == "__main__":
    main(*sys.argv[1:3])
