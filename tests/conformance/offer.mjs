// What the fixture offers, the same in both eras: the tools, prompts and resources that the conformance suite asks for by name.
//
// A handler gets a call and gives a result. `call.args` are the arguments, `call.capabilities` the client's; `call.log`,
// `call.progress` say something on the way; `call.ask(questions)` asks the client and gives the answers by the questions' names.
// How that travels is the era's concern.

const PNG = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8DwHwAFBQIAX8jx0gAAAABJRU5ErkJggg==";
const WAV = "UklGRiQAAABXQVZFZm10IBAAAAABAAEARKwAAIhYAQACABAAZGF0YQAAAAA=";
export const NOTHING = { type: "object", properties: {} };

export const text = (words) => ({ content: [{ type: "text", text: words }] });
const wait = (ms) => new Promise((done) => setTimeout(done, ms));

/** A refusal with a code of its own. */
export class RpcError extends Error {
  constructor(code, message, data) {
    super(message);
    Object.assign(this, { code, data });
  }
}

const elicit = (message, properties, required = Object.keys(properties)) => ({
  method: "elicitation/create",
  params: { message, requestedSchema: { type: "object", properties, required } },
});
const sample = (words, maxTokens = 100) => ({
  method: "sampling/createMessage",
  params: { messages: [{ role: "user", content: { type: "text", text: words } }], maxTokens },
});
const roots = { method: "roots/list", params: {} };

/** The capability that a question needs. */
export const needed = (question) => question.method.split("/")[0];

const said = ({ action, content }) => `action=${action}, content=${JSON.stringify(content ?? {})}`;

const defaults = {
  name: { type: "string", default: "John Doe" },
  age: { type: "integer", default: 30 },
  score: { type: "number", default: 95.5 },
  status: { type: "string", enum: ["active", "inactive", "pending"], default: "active" },
  verified: { type: "boolean", default: true },
};

const titled = (word) => [1, 2, 3].map((n) => ({ const: `value${n}`, title: `${word} ${n}` }));
const plain = ["option1", "option2", "option3"];
const enums = {
  untitledSingle: { type: "string", enum: plain },
  titledSingle: { type: "string", oneOf: titled("Option") },
  legacyEnum: { type: "string", enum: ["opt1", "opt2", "opt3"], enumNames: ["Option One", "Option Two", "Option Three"] },
  untitledMulti: { type: "array", items: { type: "string", enum: plain } },
  titledMulti: { type: "array", items: { anyOf: titled("Choice") } },
};

async function steps(call, say, between = 50) {
  for (const step of [0, 1, 2]) {
    if (step > 0) await wait(between);
    say(step);
  }
}

export const tools = {
  test_simple_text: () => text("This is a simple text response for testing."),
  test_image_content: () => ({ content: [{ type: "image", data: PNG, mimeType: "image/png" }] }),
  test_audio_content: () => ({ content: [{ type: "audio", data: WAV, mimeType: "audio/wav" }] }),
  test_embedded_resource: () => ({
    content: [
      {
        type: "resource",
        resource: { uri: "test://embedded-resource", mimeType: "text/plain", text: "This is an embedded resource content." },
      },
    ],
  }),
  test_multiple_content_types: () => ({
    content: [
      { type: "text", text: "Multiple content types test:" },
      { type: "image", data: PNG, mimeType: "image/png" },
      {
        type: "resource",
        resource: { uri: "test://mixed-content-resource", mimeType: "application/json", text: '{"test":"data","value":123}' },
      },
    ],
  }),
  test_error_handling: () => ({ isError: true, ...text("This tool intentionally returns an error for testing") }),
  test_tool_with_logging: async (call) => {
    const words = ["Tool execution started", "Tool processing data", "Tool execution completed"];
    await steps(call, (step) => call.log("info", words[step]));
    return text("The tool has logged three times.");
  },
  test_logging_tool: async (call) => {
    call.log("info", "A word on the way");
    return text("The tool has logged once.");
  },
  test_tool_with_progress: async (call) => {
    await steps(call, (step) => call.progress(step * 50, 100));
    return text("The tool has told of its progress.");
  },
  test_reconnection: async (call) => {
    await call.breakOff?.();
    return text("The stream was taken up again.");
  },
  json_schema_2020_12_tool: () => text("It takes a schema with many words."),
  test_custom_header: (call) => text(`The region is ${call.args.region ?? "nowhere"}.`),
  test_missing_capability: (call) => {
    if (call.capabilities.sampling) return text("The client can be asked for sampling.");
    throw new RpcError(-32021, "The tool needs sampling", { requiredCapabilities: { sampling: {} } });
  },
  test_trigger_tool_change: (call) => (call.changed("tools"), text("The tools have changed.")),
  test_trigger_prompt_change: (call) => (call.changed("prompts"), text("The prompts have changed.")),
  test_trigger_resource_update: (call) => (call.updated("test://watched-resource"), text("The watched resource has changed.")),

  test_sampling: async (call) => {
    const { answer } = await call.ask({ answer: sample(call.args.prompt ?? "") });
    return text(`LLM response: ${answer.content?.text}`);
  },
  test_elicitation: async (call) => {
    const properties = {
      username: { type: "string", description: "User's response" },
      email: { type: "string", description: "User's email address" },
    };
    const { answer } = await call.ask({ answer: elicit(call.args.message ?? "", properties) });
    return text(`User response: ${said(answer)}`);
  },
  test_elicitation_sep1034_defaults: async (call) => {
    const { answer } = await call.ask({ answer: elicit("Please look through these values", defaults, []) });
    return text(`Elicitation completed: ${said(answer)}`);
  },
  test_elicitation_sep1330_enums: async (call) => {
    const { answer } = await call.ask({ answer: elicit("Please choose", enums, []) });
    return text(`Elicitation completed: ${said(answer)}`);
  },
  test_streaming_elicitation: async (call) => {
    call.progress(1, 2);
    const { confirm } = await call.ask({ confirm: elicit("Go on?", { ok: { type: "boolean" } }) });
    return text(`Went on: ${said(confirm)}`);
  },
  test_input_required_result_elicitation: async (call) => {
    const { user_name } = await call.ask({ user_name: elicit("What is your name?", { name: { type: "string" } }) });
    return text(`Hello, ${user_name.content?.name}!`);
  },
  test_input_required_result_sampling: async (call) => {
    const { capital_question } = await call.ask({ capital_question: sample("What is the capital of France?") });
    return text(`The model says: ${capital_question.content?.text}`);
  },
  test_input_required_result_list_roots: async (call) => {
    const { client_roots } = await call.ask({ client_roots: roots });
    return text(`The roots are ${client_roots.roots?.map(({ uri }) => uri).join(", ")}`);
  },
  test_input_required_result_request_state: async (call) => {
    await call.ask({ confirm: elicit("Please confirm", { ok: { type: "boolean" } }) }, { stateful: true });
    return text("state-ok");
  },
  test_input_required_result_multiple_inputs: async (call) => {
    const { user_name, greeting } = await call.ask({
      user_name: elicit("What is your name?", { name: { type: "string" } }),
      greeting: sample("Generate a greeting", 50),
      client_roots: roots,
    });
    return text(`${greeting.content?.text} ${user_name.content?.name}`);
  },
  test_input_required_result_multi_round: async (call) => {
    const { step1 } = await call.ask({ step1: elicit("Step 1: What is your name?", { name: { type: "string" } }) });
    const { step2 } = await call.ask({ step2: elicit("Step 2: What is your favorite color?", { color: { type: "string" } }) });
    return text(`${step1.content?.name} likes ${step2.content?.color}`);
  },
  test_input_required_result_tampered_state: async (call) => {
    await call.ask({ confirm: elicit("Please confirm", { ok: { type: "boolean" } }) }, { stateful: true });
    return text("The state was as it was given.");
  },
  test_input_required_result_capabilities: async (call) => {
    const all = { question: elicit("Who are you?", { name: { type: "string" } }), thought: sample("Say something"), places: roots };
    const asked = Object.entries(all).filter(([, question]) => call.capabilities[needed(question)]);
    if (asked.length > 0) await call.ask(Object.fromEntries(asked));
    return text(`Asked ${asked.length} questions.`);
  },
};

export const schemas = {
  test_sampling: { type: "object", properties: { prompt: { type: "string" } }, required: ["prompt"] },
  test_elicitation: { type: "object", properties: { message: { type: "string" } }, required: ["message"] },
  test_custom_header: {
    type: "object",
    properties: { region: { type: "string", "x-mcp-header": "Region" }, query: { type: "string" } },
  },
  json_schema_2020_12_tool: {
    $schema: "https://json-schema.org/draft/2020-12/schema",
    type: "object",
    $defs: {
      address: { $anchor: "addressDef", type: "object", properties: { street: { type: "string" }, city: { type: "string" } } },
    },
    properties: {
      name: { type: "string" },
      address: { $ref: "#/$defs/address" },
      contactMethod: { type: "string", enum: ["phone", "email"] },
      phone: { type: "string" },
      email: { type: "string" },
    },
    allOf: [{ anyOf: [{ required: ["phone"] }, { required: ["email"] }] }],
    if: { properties: { contactMethod: { const: "phone" } }, required: ["contactMethod"] },
    then: { required: ["phone"] },
    else: { required: ["email"] },
    additionalProperties: false,
  },
};

const user = (content) => ({ role: "user", content });
const words = (text) => user({ type: "text", text });

export const prompts = {
  test_simple_prompt: { get: () => ({ messages: [words("This is a simple prompt for testing.")] }) },
  test_prompt_with_arguments: {
    arguments: ["arg1", "arg2"],
    get: ({ args }) => ({ messages: [words(`Prompt with arguments: arg1='${args.arg1}', arg2='${args.arg2}'`)] }),
  },
  test_prompt_with_embedded_resource: {
    arguments: ["resourceUri"],
    get: ({ args }) => ({
      messages: [
        user({
          type: "resource",
          resource: { uri: args.resourceUri, mimeType: "text/plain", text: "Embedded resource content for testing." },
        }),
        words("Please process the embedded resource above."),
      ],
    }),
  },
  test_prompt_with_image: {
    get: () => ({
      messages: [user({ type: "image", data: PNG, mimeType: "image/png" }), words("Please analyze the image above.")],
    }),
  },
  test_input_required_result_prompt: {
    get: async (call) => {
      const question = elicit("What context should the prompt use?", { context: { type: "string" } });
      const { user_context } = await call.ask({ user_context: question });
      return { messages: [words(`The context is ${user_context.content?.context}.`)] };
    },
  },
};

export const resources = {
  "test://static-text": { mimeType: "text/plain", text: "This is the content of the static text resource." },
  "test://static-binary": { mimeType: "image/png", blob: PNG },
  "test://watched-resource": { mimeType: "text/plain", text: "This is watched." },
};

const TEMPLATE = /^test:\/\/template\/([^/]+)\/data$/;

export function read(uri) {
  const found = resources[uri];
  if (found) return { contents: [{ uri, ...found }] };
  const id = TEMPLATE.exec(uri)?.[1];
  if (id === undefined) throw new RpcError(-32602, "Resource not found", { uri });
  const data = JSON.stringify({ id, templateTest: true, data: `Data for ID: ${id}` });
  return { contents: [{ uri, mimeType: "application/json", text: data }] };
}

export const capabilities = {
  tools: { listChanged: true },
  prompts: { listChanged: true },
  resources: { subscribe: true, listChanged: true },
  completions: {},
};

/** The lists, by method. A changed list has one thing more, or less. */
export function lists(extra) {
  const tool = (name) => ({ name, description: `The tool ${name} of the fixture.`, inputSchema: schemas[name] ?? NOTHING });
  const prompt = ([name, { arguments: names = [] }]) => ({
    name,
    description: `The prompt ${name} of the fixture.`,
    arguments: names.map((argument) => ({ name: argument, required: true })),
  });
  return {
    "tools/list": { tools: [...Object.keys(tools), ...(extra.tools ? ["test_dynamic_tool"] : [])].map(tool) },
    "prompts/list": {
      prompts: [...Object.entries(prompts), ...(extra.prompts ? [["test_dynamic_prompt", {}]] : [])].map(prompt),
    },
    "resources/list": {
      resources: Object.entries(resources).map(([uri, { mimeType }]) => ({ uri, name: uri.slice("test://".length), mimeType })),
    },
    "resources/templates/list": {
      resourceTemplates: [{ uriTemplate: "test://template/{id}/data", name: "template", mimeType: "application/json" }],
    },
  };
}

/** Answers a call of one of the methods that both eras have. */
export async function answer(method, params, call) {
  call.args = params.arguments ?? {};
  switch (method) {
    case "tools/call": {
      const tool = Object.hasOwn(tools, params.name) ? tools[params.name] : undefined;
      if (!tool) throw new RpcError(-32602, `Unknown tool: ${params.name}`);
      return tool(call);
    }
    case "prompts/get": {
      const prompt = Object.hasOwn(prompts, params.name) ? prompts[params.name] : undefined;
      if (!prompt) throw new RpcError(-32602, `Unknown prompt: ${params.name}`);
      return prompt.get(call);
    }
    case "resources/read":
      return read(params.uri);
    case "completion/complete":
      return { completion: { values: ["paris", "park", "party"], total: 3, hasMore: false } };
    default:
      throw new RpcError(-32601, "Method not found");
  }
}
