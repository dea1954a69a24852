"""What the fixture offers (../offer.mjs), served by the Python SDK's `MCPServer` in both eras.

Everything of the protocol is the SDK's: schemas, errors, streams, sessions, sealed states, subscriptions. Prints one line,
{"listening": "127.0.0.1:PORT"}, and serves /mcp until it is ended.
"""

import asyncio
import base64
import json
import socket
import sys
import warnings
from collections.abc import Awaitable, Callable
from typing import Any

import uvicorn
from mcp import MCPError
from mcp.server.mcpserver import Context, MCPServer
from mcp.server.mcpserver.prompts.base import UserMessage
from mcp.server.streamable_http import EventMessage, EventStore
from mcp.shared.message import ServerMessageMetadata
from mcp_types import (
    MISSING_REQUIRED_CLIENT_CAPABILITY,
    AudioContent,
    CallToolResult,
    Completion,
    CreateMessageRequest,
    CreateMessageRequestParams,
    CreateMessageResult,
    ElicitRequest,
    ElicitRequestFormParams,
    ElicitResult,
    EmbeddedResource,
    EmptyResult,
    ImageContent,
    InputRequiredResult,
    ListRootsRequest,
    ListRootsResult,
    SamplingMessage,
    SetLevelRequestParams,
    SubscribeRequestParams,
    TextContent,
    TextResourceContents,
    UnsubscribeRequestParams,
)

warnings.filterwarnings("ignore")

PNG = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8DwHwAFBQIAX8jx0gAAAABJRU5ErkJggg=="
WAV = "UklGRiQAAABXQVZFZm10IBAAAAABAAEARKwAAIhYAQACABAAZGF0YQAAAAA="

server = MCPServer("fixture-python", version="1.0.0", instructions="A fixture for tests.", log_level="ERROR")
sessions: set[Any] = set()
subscribed: dict[str, set[Any]] = {}


def words(text: str) -> TextContent:
    return TextContent(type="text", text=text)


def said(text: str) -> CallToolResult:
    return CallToolResult(content=[words(text)])


# Asking the client


class Asks(Exception):
    """The call needs the client's answers to these questions."""

    def __init__(self, questions: dict[str, Any], earlier: list[Any]) -> None:
        self.questions, self.earlier = questions, earlier


class Asker:
    """Gives the answers of earlier rounds, those of this round as they came, and asks for the rest."""

    def __init__(self, ctx: Context) -> None:
        self.ctx = ctx
        self.state = ctx.request_state
        self.earlier: list[Any] = json.loads(self.state)["answers"] if self.state else []
        self.round = 0

    def has(self, capability: str) -> bool:
        return getattr(self.ctx.client_capabilities, capability, None) is not None

    def needs(self, capability: str) -> None:
        if not self.has(capability):
            data = {"requiredCapabilities": {capability: {}}}
            raise MCPError(code=MISSING_REQUIRED_CLIENT_CAPABILITY, message="The client can't be asked", data=data)

    async def __call__(self, questions: dict[str, Any], *, stateful: bool = False) -> dict[str, Any]:
        for question in questions.values():
            self.needs(question.method.split("/")[0])
        if (self.ctx.protocol_version or "") < "2026":
            answers = await asyncio.gather(*[self.directly(question) for question in questions.values()])
            return dict(zip(questions, answers, strict=True))
        known = self.earlier[self.round : self.round + 1]
        self.round += 1
        if known:
            return known[0]
        given = self.ctx.input_responses or {}
        answered = all(name in given for name in questions) and (not stateful or self.state is not None)
        if not answered or self.round != len(self.earlier) + 1:
            raise Asks(questions, self.earlier)
        answers = {name: given[name].model_dump(by_alias=True, mode="json") for name in questions}
        self.earlier.append(answers)
        return answers

    async def directly(self, question: Any) -> dict[str, Any]:
        related = ServerMessageMetadata(related_request_id=self.ctx.request_context.request_id)
        answer = await self.ctx.session.send_request(question, ANSWERS[type(question)], metadata=related)
        return answer.model_dump(by_alias=True, mode="json")


ANSWERS: dict[type, Any] = {ElicitRequest: ElicitResult, CreateMessageRequest: CreateMessageResult, ListRootsRequest: ListRootsResult}


def elicit(message: str, properties: dict[str, Any], required: list[str] | None = None) -> ElicitRequest:
    schema = {"type": "object", "properties": properties, "required": list(properties) if required is None else required}
    return ElicitRequest(params=ElicitRequestFormParams(message=message, requested_schema=schema))


def sample(text: str, max_tokens: int = 100) -> CreateMessageRequest:
    message = SamplingMessage(role="user", content=words(text))
    return CreateMessageRequest(params=CreateMessageRequestParams(messages=[message], max_tokens=max_tokens))


ROOTS = ListRootsRequest()


async def asking(ctx: Context, run: Callable[[Asker], Awaitable[Any]]) -> Any:
    sessions.add(ctx.session)
    try:
        return await run(Asker(ctx))
    except Asks as asks:
        state = json.dumps({"answers": asks.earlier})
        return InputRequiredResult(input_requests=asks.questions, request_state=state)


# Tools

tool = server.tool(structured_output=False)


def tell(name: str, content: list[Any], *, is_error: bool = False) -> None:
    async def run() -> CallToolResult:
        return CallToolResult(content=content, is_error=is_error)

    server.tool(name=name, description=f"The tool {name} of the fixture.", structured_output=False)(run)


def resource(uri: str, mime_type: str, text: str) -> EmbeddedResource:
    return EmbeddedResource(type="resource", resource=TextResourceContents(uri=uri, mime_type=mime_type, text=text))


image = ImageContent(type="image", data=PNG, mime_type="image/png")
tell("test_simple_text", [words("This is a simple text response for testing.")])
tell("test_image_content", [image])
tell("test_audio_content", [AudioContent(type="audio", data=WAV, mime_type="audio/wav")])
tell("test_embedded_resource", [resource("test://embedded-resource", "text/plain", "This is an embedded resource content.")])
mixed = resource("test://mixed-content-resource", "application/json", '{"test":"data","value":123}')
tell("test_multiple_content_types", [words("Multiple content types test:"), image, mixed])
tell("test_error_handling", [words("This tool intentionally returns an error for testing")], is_error=True)


@tool
async def test_tool_with_logging(ctx: Context) -> CallToolResult:
    """Logs three times."""
    for step in ["Tool execution started", "Tool processing data", "Tool execution completed"]:
        await ctx.info(step)
        await asyncio.sleep(0.05)
    return said("The tool has logged three times.")


@tool
async def test_logging_tool(ctx: Context) -> CallToolResult:
    """Logs once."""
    await ctx.info("A word on the way")
    return said("The tool has logged once.")


@tool
async def test_tool_with_progress(ctx: Context) -> CallToolResult:
    """Tells of its progress."""
    for step in range(3):
        await ctx.report_progress(step * 50, 100)
        await asyncio.sleep(0.05)
    return said("The tool has told of its progress.")


@tool
async def test_reconnection(ctx: Context) -> CallToolResult:
    """Ends its stream before it is done."""
    await ctx.close_sse_stream()
    await asyncio.sleep(0.2)
    return said("The stream was taken up again.")


@tool
async def test_missing_capability(ctx: Context) -> CallToolResult:
    """Needs a client that can be asked for sampling."""
    Asker(ctx).needs("sampling")
    return said("The client can be asked for sampling.")


@tool
async def test_trigger_tool_change(ctx: Context) -> CallToolResult:
    """Says that the tools have changed."""
    await ctx.notify_tools_changed()
    for session in sessions:
        await session.send_tool_list_changed()
    return said("The tools have changed.")


@tool
async def test_trigger_prompt_change(ctx: Context) -> CallToolResult:
    """Says that the prompts have changed."""
    await ctx.notify_prompts_changed()
    for session in sessions:
        await session.send_prompt_list_changed()
    return said("The prompts have changed.")


def asks(name: str, run: Callable[..., Awaitable[Any]]) -> None:
    async def bare(ctx: Context) -> CallToolResult | InputRequiredResult:
        return await asking(ctx, run)

    server.tool(name=name, description=f"The tool {name} of the fixture.", structured_output=False)(bare)


@tool
async def test_sampling(prompt: str, ctx: Context) -> CallToolResult | InputRequiredResult:
    """Asks for a completion."""

    async def run(ask: Asker) -> CallToolResult:
        answer = (await ask({"answer": sample(prompt)}))["answer"]
        return said(f"LLM response: {answer['content']['text']}")

    return await asking(ctx, run)


@tool
async def test_elicitation(message: str, ctx: Context) -> CallToolResult | InputRequiredResult:
    """Asks for a name and an address."""

    async def run(ask: Asker) -> CallToolResult:
        properties = {"username": {"type": "string"}, "email": {"type": "string"}}
        return said(f"User response: {answered((await ask({'answer': elicit(message, properties)}))['answer'])}")

    return await asking(ctx, run)


def answered(answer: dict[str, Any]) -> str:
    return f"action={answer['action']}, content={json.dumps(answer.get('content') or {})}"


DEFAULTS = {
    "name": {"type": "string", "default": "John Doe"},
    "age": {"type": "integer", "default": 30},
    "score": {"type": "number", "default": 95.5},
    "status": {"type": "string", "enum": ["active", "inactive", "pending"], "default": "active"},
    "verified": {"type": "boolean", "default": True},
}
PLAIN = ["option1", "option2", "option3"]


def titled(word: str) -> list[dict[str, str]]:
    return [{"const": f"value{n}", "title": f"{word} {n}"} for n in (1, 2, 3)]


ENUMS = {
    "untitledSingle": {"type": "string", "enum": PLAIN},
    "titledSingle": {"type": "string", "oneOf": titled("Option")},
    "legacyEnum": {"type": "string", "enum": ["opt1", "opt2"], "enumNames": ["Option One", "Option Two"]},
    "untitledMulti": {"type": "array", "items": {"type": "string", "enum": PLAIN}},
    "titledMulti": {"type": "array", "items": {"anyOf": titled("Choice")}},
}


async def defaults(ask: Asker) -> CallToolResult:
    answer = (await ask({"answer": elicit("Please look through these values", DEFAULTS, [])}))["answer"]
    return said(f"Elicitation completed: {answered(answer)}")


async def enums(ask: Asker) -> CallToolResult:
    answer = (await ask({"answer": elicit("Please choose", ENUMS, [])}))["answer"]
    return said(f"Elicitation completed: {answered(answer)}")


@tool
async def test_streaming_elicitation(ctx: Context) -> CallToolResult | InputRequiredResult:
    """Tells of its progress, and asks whether to go on."""
    await ctx.report_progress(1, 2)

    async def run(ask: Asker) -> CallToolResult:
        return said(f"Went on: {answered((await ask({'confirm': elicit('Go on?', {'ok': {'type': 'boolean'}})}))['confirm'])}")

    return await asking(ctx, run)


NAME = {"name": {"type": "string"}}


async def name_asked(ask: Asker) -> CallToolResult:
    answer = (await ask({"user_name": elicit("What is your name?", NAME)}))["user_name"]
    return said(f"Hello, {(answer.get('content') or {}).get('name')}!")


async def capital_asked(ask: Asker) -> CallToolResult:
    answer = (await ask({"capital_question": sample("What is the capital of France?")}))["capital_question"]
    return said(f"The model says: {answer['content']['text']}")


async def roots_asked(ask: Asker) -> CallToolResult:
    answer = (await ask({"client_roots": ROOTS}))["client_roots"]
    return said(f"The roots are {', '.join(root['uri'] for root in answer['roots'])}")


async def confirmed(ask: Asker) -> CallToolResult:
    await ask({"confirm": elicit("Please confirm", {"ok": {"type": "boolean"}})}, stateful=True)
    return said("state-ok")


async def several(ask: Asker) -> CallToolResult:
    questions = {"user_name": elicit("What is your name?", NAME), "greeting": sample("Generate a greeting", 50), "client_roots": ROOTS}
    answers = await ask(questions)
    return said(f"{answers['greeting']['content']['text']} {(answers['user_name'].get('content') or {}).get('name')}")


async def rounds(ask: Asker) -> CallToolResult:
    first = (await ask({"step1": elicit("Step 1: What is your name?", NAME)}))["step1"]
    second = (await ask({"step2": elicit("Step 2: What is your favorite color?", {"color": {"type": "string"}})}))["step2"]
    return said(f"{first['content']['name']} likes {second['content']['color']}")


async def what_it_can(ask: Asker) -> CallToolResult:
    questions = {"elicitation": elicit("Who are you?", NAME), "sampling": sample("Say something"), "roots": ROOTS}
    able = {name: question for name, question in questions.items() if ask.has(name)}
    if able:
        await ask(able)
    return said(f"Asked {len(able)} questions.")


asks("test_elicitation_sep1034_defaults", defaults)
asks("test_elicitation_sep1330_enums", enums)
asks("test_input_required_result_elicitation", name_asked)
asks("test_input_required_result_sampling", capital_asked)
asks("test_input_required_result_list_roots", roots_asked)
asks("test_input_required_result_request_state", confirmed)
asks("test_input_required_result_tampered_state", confirmed)
asks("test_input_required_result_multiple_inputs", several)
asks("test_input_required_result_multi_round", rounds)
asks("test_input_required_result_capabilities", what_it_can)


# Resources, prompts, completion


@server.resource("test://static-text", name="static-text", mime_type="text/plain")
def static_text() -> str:
    return "This is the content of the static text resource."


@server.resource("test://static-binary", name="static-binary", mime_type="image/png")
def static_binary() -> bytes:
    return base64.b64decode(PNG)


@server.resource("test://watched-resource", name="watched-resource", mime_type="text/plain")
def watched() -> str:
    return "This is watched."


@server.resource("test://template/{id}/data", name="template", mime_type="application/json")
def template(id: str) -> str:
    return json.dumps({"id": id, "templateTest": True, "data": f"Data for ID: {id}"})


@server.prompt()
def test_simple_prompt() -> list[UserMessage]:
    """A simple prompt."""
    return [UserMessage(content=words("This is a simple prompt for testing."))]


@server.prompt()
def test_prompt_with_arguments(arg1: str, arg2: str) -> list[UserMessage]:
    """A prompt with arguments."""
    return [UserMessage(content=words(f"Prompt with arguments: arg1='{arg1}', arg2='{arg2}'"))]


@server.prompt()
def test_prompt_with_embedded_resource(resourceUri: str) -> list[UserMessage]:
    """A prompt with a resource in it."""
    embedded = resource(resourceUri, "text/plain", "Embedded resource content for testing.")
    return [UserMessage(content=embedded), UserMessage(content=words("Please process the embedded resource above."))]


@server.prompt()
def test_prompt_with_image() -> list[UserMessage]:
    """A prompt with an image."""
    return [UserMessage(content=image), UserMessage(content=words("Please analyze the image above."))]


@server.prompt()
async def test_input_required_result_prompt(ctx: Context) -> list[UserMessage] | InputRequiredResult:
    """A prompt that asks for its context."""

    async def run(ask: Asker) -> list[UserMessage]:
        answer = (await ask({"user_context": elicit("What context should the prompt use?", {"context": {"type": "string"}})}))["user_context"]
        return [UserMessage(content=words(f"The context is {(answer.get('content') or {}).get('context')}."))]

    return await asking(ctx, run)


@server.completion()
async def complete(_ref: Any, argument: Any, _context: Any) -> Completion:
    return Completion(values=[f"{argument.value}paris", f"{argument.value}park"], total=2, has_more=False)


async def subscribe(ctx: Any, params: SubscribeRequestParams) -> EmptyResult:
    subscribed.setdefault(str(params.uri), set()).add(ctx.session)
    return EmptyResult()


async def unsubscribe(ctx: Any, params: UnsubscribeRequestParams) -> EmptyResult:
    subscribed.get(str(params.uri), set()).discard(ctx.session)
    return EmptyResult()


async def set_level(_ctx: Any, _params: SetLevelRequestParams) -> EmptyResult:
    return EmptyResult()


low = server._lowlevel_server
low.add_request_handler("resources/subscribe", SubscribeRequestParams, subscribe)
low.add_request_handler("resources/unsubscribe", UnsubscribeRequestParams, unsubscribe)
low.add_request_handler("logging/setLevel", SetLevelRequestParams, set_level)


class Kept(EventStore):
    """Events that were sent, so that a stream can be taken up again."""

    def __init__(self) -> None:
        self.events: list[tuple[str, Any]] = []

    async def store_event(self, stream_id: str, message: Any) -> str:
        self.events.append((stream_id, message))
        return str(len(self.events) - 1)

    async def replay_events_after(self, last_event_id: str, send_callback: Any) -> str | None:
        if not last_event_id.isdigit() or int(last_event_id) >= len(self.events):
            return None
        stream, _ = self.events[int(last_event_id)]
        for at, (of, message) in enumerate(self.events[int(last_event_id) + 1 :], int(last_event_id) + 1):
            if of == stream and message is not None:
                await send_callback(EventMessage(message, str(at)))
        return stream


if __name__ == "__main__":
    listening = socket.create_server(("127.0.0.1", 0))
    print(json.dumps({"listening": f"127.0.0.1:{listening.getsockname()[1]}"}), flush=True)
    app = server.streamable_http_app(event_store=Kept(), retry_interval=100)
    uvicorn.Server(uvicorn.Config(app, log_level="error")).run(sockets=[listening])
    sys.exit(0)
