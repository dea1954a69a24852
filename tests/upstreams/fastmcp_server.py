"""An upstream of both eras on FastMCP 4, on loopback at the port given.

`stepwise` reports a step and waits until the test says that it saw it (POST /seen), so that a test proves that what
is reported arrives before the answer, and needs no sleep for it.
"""

import asyncio
import sys

from fastmcp import Context, FastMCP
from starlette.requests import Request
from starlette.responses import Response

server = FastMCP("fast", version="1.0.0")
seen: asyncio.Queue[None] = asyncio.Queue()


@server.tool
def add(a: int, b: int) -> int:
    """Adds two numbers."""
    return a + b


@server.tool
async def stepwise(steps: int, context: Context) -> str:
    """Reports each step, and goes on when it was seen."""
    for step in range(1, steps + 1):
        await context.report_progress(step, steps, f"step {step}")
        await seen.get()
    return "all steps seen"


@server.custom_route("/seen", methods=["POST"])
async def seen_one(_: Request) -> Response:
    await seen.put(None)
    return Response(status_code=204)


if __name__ == "__main__":
    server.run(transport="http", host="127.0.0.1", port=int(sys.argv[1]), path="/mcp", show_banner=False)
