#!/usr/bin/env python3
"""Asks MetroSOC for decisions and has records masked. Standard library only; see ../README.md."""

import argparse
import itertools
import json
import ssl
import sys
import urllib.error
import urllib.parse
import urllib.request

BATCH_RECORDS = 500
DENIED = 77
KNOWN_OBLIGATIONS = {"mask", "filter"}


class Client:
    """The service at one address, asked as one machine."""

    def __init__(self, server, ca, token=None, identity=None):
        self.server = server.rstrip("/")
        context = ssl.create_default_context(cafile=ca)
        if identity:
            context.load_cert_chain(identity)
        # No proxy: what is sent is for this server alone.
        self.opener = urllib.request.build_opener(
            urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=context)
        )
        self.headers = {"Authorization": "Bearer " + token} if token else {}

    def post(self, path, body, content_type):
        """Sends a body and gives the answer's; raises RuntimeError with the server's words."""
        headers = dict(self.headers, **{"Content-Type": content_type})
        request = urllib.request.Request(self.server + path, data=body, headers=headers, method="POST")
        try:
            with self.opener.open(request, timeout=60) as answer:
                return answer.read()
        except urllib.error.HTTPError as error:
            text = error.read().decode("utf-8", "replace")
            try:
                problem = json.loads(text)
                text = problem.get("detail") or problem.get("message") or text
            except ValueError:
                pass
            raise RuntimeError(f"{error.code}: {text}") from error

    def evaluate(self, subject, action, resource, purpose):
        """One decision of AuthZEN 1.0."""
        request = {"subject": subject, "action": {"name": action}, "resource": resource, "context": {"purpose": purpose}}
        answer = json.loads(self.post("/access/v1/evaluation", json.dumps(request).encode(), "application/json"))
        obligations = answer.get("context", {}).get("obligations", [])
        unknown = [one.get("type") for one in obligations if one.get("type") not in KNOWN_OBLIGATIONS]
        if answer.get("decision") is True and unknown:
            # What cannot be carried out is not allowed.
            return {"decision": False, "context": {"reason": f"unknown obligations: {unknown}"}}
        return answer

    def mask(self, lines, **query):
        """Records of NDJSON in, masked ones out, batch by batch."""
        path = "/api/v1/mask?" + urllib.parse.urlencode({key: value for key, value in query.items() if value})
        lines = (line for line in lines if line.strip())
        done = 0
        while batch := list(itertools.islice(lines, BATCH_RECORDS)):
            try:
                yield self.post(path, b"".join(line.rstrip(b"\r\n") + b"\n" for line in batch), "application/x-ndjson")
            except RuntimeError as error:
                raise RuntimeError(f"records {done + 1} to {done + len(batch)}: {error}") from error
            done += len(batch)


def arguments():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--server", required=True)
    parser.add_argument("--ca", required=True)
    parser.add_argument("--token-file")
    parser.add_argument("--identity")
    commands = parser.add_subparsers(dest="command", required=True)
    evaluate = commands.add_parser("evaluate")
    evaluate.add_argument("--subject", required=True)
    evaluate.add_argument("--action", required=True)
    evaluate.add_argument("--resource", required=True)
    evaluate.add_argument("--id", default="*")
    evaluate.add_argument("--agency")
    evaluate.add_argument("--purpose", default="")
    evaluate.add_argument("--field", action="append", default=[])
    mask = commands.add_parser("mask")
    mask.add_argument("--dataset", required=True)
    mask.add_argument("--purpose", required=True)
    mask.add_argument("--subject")
    mask.add_argument("--role")
    mask.add_argument("--agency")
    return parser.parse_args()


def main():
    args = arguments()
    token = None
    if args.token_file:
        with open(args.token_file, encoding="utf-8") as file:
            token = file.read().strip()
    client = Client(args.server, args.ca, token, args.identity)
    try:
        if args.command == "mask":
            query = {key: getattr(args, key) for key in ("dataset", "purpose", "subject", "role", "agency")}
            for masked in client.mask(sys.stdin.buffer, **query):
                sys.stdout.buffer.write(masked)
            return 0
        properties = {"fields": args.field}
        if args.agency:
            properties["agency"] = args.agency
        resource = {"type": args.resource, "id": args.id, "properties": properties}
        answer = client.evaluate({"type": "user", "id": args.subject}, args.action, resource, args.purpose)
        print(json.dumps(answer, ensure_ascii=False, indent=2))
        return 0 if answer.get("decision") is True else DENIED
    except (RuntimeError, OSError) as error:
        print(error, file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
