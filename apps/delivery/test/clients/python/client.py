"""Prints what a user hears, one JSON object a line: client.py TOKEN URL"""

import asyncio
import json
import sys

from centrifuge import Client, ClientEventHandler


def say(event, value):
    print(json.dumps({"event": event, "value": value}), flush=True)


class Events(ClientEventHandler):
    async def on_subscribed(self, ctx):
        say("subscribed", {"wasRecovering": ctx.was_recovering, "recovered": ctx.recovered})

    async def on_publication(self, ctx):
        say("publication", ctx.pub.data)

    async def on_disconnected(self, ctx):
        say("disconnected", ctx.code)


async def main(token, url):
    client = Client(
        url, events=Events(), token=token, min_reconnect_delay=0.05, max_reconnect_delay=0.5, proxy=None
    )
    await client.connect()
    # Ends with the test, which holds the other end of standard input.
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)


asyncio.run(main(*sys.argv[1:]))
