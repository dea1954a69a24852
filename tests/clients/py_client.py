"""The Python client of the `mcp` package: lists tools, makes the calls that stdin names, prints what came as JSON.

Arguments: the URL and the mode (legacy, auto or a version). The key is in TOOLGATE_KEY.
"""

import asyncio
import json
import os
import sys

import httpx2
from mcp import Client
from mcp.client.streamable_http import streamable_http_client


async def main(url: str, mode: str, calls: list[dict]) -> dict:
    headers = {"Authorization": f"Bearer {os.environ['TOOLGATE_KEY']}"}
    async with httpx2.AsyncClient(headers=headers, timeout=60) as http:
        async with Client(streamable_http_client(url, http_client=http), mode=mode) as client:
            tools, cursor = [], None
            while True:
                page = await client.list_tools(cursor=cursor)
                tools += [tool.name for tool in page.tools]
                cursor = page.next_cursor
                if cursor is None:
                    break
            results = [await client.call_tool(call["name"], call["arguments"]) for call in calls]
            return {
                "version": client.protocol_version,
                "tools": tools,
                "results": [result.model_dump(mode="json", by_alias=True, exclude_none=True) for result in results],
            }


print(json.dumps(asyncio.run(main(sys.argv[1], sys.argv[2], json.load(sys.stdin)))))
