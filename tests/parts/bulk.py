"""Sends documents with Elasticsearch's own client, `helpers.bulk` and `streaming_bulk`.

usage: bulk.py ROUND PORT ROOTS TOKEN_FILE. Prints one JSON object of what the client says.
"""

import json
import sys
from pathlib import Path

from elasticsearch import ApiError, Elasticsearch
from elasticsearch.helpers import BulkIndexError, bulk, streaming_bulk


def main():
    turn, port, roots, token = sys.argv[1], sys.argv[2], sys.argv[3], Path(sys.argv[4]).read_text().strip()
    client = Elasticsearch(f"https://localhost:{port}/es", api_key=token, ca_certs=roots, retry_on_timeout=False)
    said = {"version": client.info()["version"]["number"]}
    documents = [{"_index": "logs-own", "_id": f"own-{n}", "message": f"of the client {n}"} for n in range(500)]
    said["bulk"] = bulk(client, documents, stats_only=True)
    creates = [{**document, "_op_type": "create", "_id": f"new-{n}"} for n, document in enumerate(documents[:10])]
    statuses = []
    for _, item in streaming_bulk(client, creates, raise_on_error=False):
        (about,) = item.values()
        statuses.append([about["status"], about.get("error", {}).get("type", "")])
    said["create"] = statuses
    other = [{"_index": "logs-own", "_id": "own-1", "message": "something else"}]
    try:
        bulk(client, other)
        said["other"] = "taken"
    except BulkIndexError as error:
        said["other"] = error.errors[0]["index"]["error"]["type"]
    said["without"] = bulk(client, [{"_index": "logs-own", "message": f"without an id, {turn}"}] * 3, stats_only=True)
    try:
        Elasticsearch(f"https://localhost:{port}/es", api_key="wrong", ca_certs=roots).info()
        said["stranger"] = "let in"
    except ApiError as error:
        said["stranger"] = error.status_code
    print(json.dumps(said))


main()
