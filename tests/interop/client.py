"""A client that knows an address and nothing else: every message class comes from reflection.

    client.py TARGET QUESTION...

Each question is a word, an optional JSON object after "=", or both; each answer is one line of
JSON: the messages of the answer, or {"code": ..., "message": ...} for a refusal.

    services                                    the names of what the server offers
    call=observer.Observer/GetFlows={"number": "5"}
    3=peer.Peer/Notify={}                       only three messages of a stream without end
"""

import json
import sys

import grpc
from google.protobuf import json_format
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.message_factory import GetMessageClass
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import ProtoReflectionDescriptorDatabase

PATIENCE_SECONDS = 60
# Over a unix socket gRPC's C library writes the socket's path as the HTTP/2 authority, which
# servers that parse the authority as a host refuse.
OPTIONS = [("grpc.default_authority", "localhost")]


def main(target, questions):
    with grpc.insecure_channel(target, options=OPTIONS if target.startswith("unix:") else None) as channel:
        database = ProtoReflectionDescriptorDatabase(channel)
        pool = DescriptorPool(database)
        for question in questions:
            what, _, rest = question.partition("=")
            if what == "services":
                answer = sorted(database.get_services())
            else:
                path, _, request = rest.partition("=")
                answer = call(channel, pool, path, request, wanted=int(what) if what.isdigit() else None)
            print(json.dumps(answer), flush=True)


def call(channel, pool, path, request, wanted):
    service, _, name = path.partition("/")
    method = pool.FindServiceByName(service).FindMethodByName(name)
    request = json_format.Parse(request, GetMessageClass(method.input_type)(), descriptor_pool=pool)
    # Both kinds of answers are read as a stream; a single message is a stream of one.
    answers = channel.unary_stream(
        f"/{path}",
        request_serializer=lambda message: message.SerializeToString(),
        response_deserializer=GetMessageClass(method.output_type).FromString,
    )(request, timeout=PATIENCE_SECONDS)
    messages = []
    try:
        for answer in answers:
            messages.append(json_format.MessageToDict(answer, preserving_proto_field_name=True, descriptor_pool=pool))
            if len(messages) == wanted:
                answers.cancel()
                break
    except grpc.RpcError as error:
        return {"code": error.code().name, "message": error.details()}
    return messages


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
