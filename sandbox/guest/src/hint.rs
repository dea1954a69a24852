//! What to do about common mistakes.

const NO_MODULES: &str = "There are no modules: every server is a global already (`await server.tool({ ... })`), and so is the language's standard library.";

/// About a program that can't be parsed, because of what is on `line`.
pub(crate) fn syntax(code: &str, line: Option<u32>) -> Option<String> {
    let lines = || code.lines().map(str::trim_start);
    if lines().any(|line| line.starts_with("import ") || line.starts_with("import{")) {
        return Some(NO_MODULES.to_owned());
    }
    if lines().any(|line| line.starts_with("export ")) {
        return Some("There are no modules to export from: end with `return value` instead.".to_owned());
    }
    if looks_like_typescript(code) {
        return Some(
            "This is JavaScript, not TypeScript: leave out type annotations, interfaces, `as` and type arguments."
                .to_owned(),
        );
    }
    if lines().any(|line| line.starts_with("def ") || line.starts_with("print(") || line.starts_with("elif ")) {
        return Some("Write JavaScript, not Python.".to_owned());
    }
    if lines().any(|line| line.starts_with("```")) {
        return Some("Send the program alone, without Markdown around it.".to_owned());
    }
    let line = line.and_then(|line| code.lines().nth(line as usize - 1)).unwrap_or_default();
    if line.contains("await ") {
        return Some(
            "`await` works at the top level and in async functions: make the function around it `async`.".to_owned(),
        );
    }
    None
}

/// Whether some line has what only TypeScript has.
fn looks_like_typescript(code: &str) -> bool {
    const TYPES: [&str; 9] = ["string", "number", "boolean", "any", "unknown", "void", "Promise<", "Array<", "Record<"];
    code.lines().any(|line| {
        let start = line.trim_start();
        let declares = ["interface ", "type ", "enum ", "declare ", "namespace "];
        declares.iter().any(|word| start.starts_with(word))
            || line.split(':').skip(1).any(|rest| TYPES.iter().any(|name| rest.trim_start().starts_with(name)))
            || line.contains(" as const")
            || line.split(" as ").skip(1).any(|rest| {
                rest.starts_with(|first: char| first.is_ascii_uppercase())
                    || TYPES.iter().any(|name| rest.starts_with(name))
            })
            || line.contains("!.")
            || (line.contains('<') && line.contains(">(") && line.contains("new Map<"))
            || line.contains("new Set<")
            || (line.contains("): ") && line.contains("=>"))
            || (line.contains("): ") && start.contains("function"))
            || (line.contains(": ") && line.contains("[] ="))
    })
}

/// About what the program threw.
pub(crate) fn runtime<'a>(
    message: &str,
    waiting_calls: usize,
    servers: impl Iterator<Item = &'a str> + Clone,
) -> Option<String> {
    if let Some(name) = message.strip_prefix("ReferenceError: ").and_then(|rest| rest.strip_suffix(" is not defined")) {
        return Some(missing(name, servers));
    }
    if message.starts_with("EvalError") {
        return Some("Write the code out instead of making it from a string.".to_owned());
    }
    if message.contains("a promise is not a value") {
        return Some("Tools answer with promises: put `await` before the call.".to_owned());
    }
    if message.starts_with("TypeError") && waiting_calls > 0 {
        return Some("A tool was called and its answer not awaited: put `await` before the call.".to_owned());
    }
    if message.contains("'null' or 'undefined'") {
        return Some(
            "Something on this line is null or undefined: look at what the tool gave before reading its fields."
                .to_owned(),
        );
    }
    if message.contains("there are no modules") {
        return Some(NO_MODULES.to_owned());
    }
    None
}

/// About a name that does not exist.
fn missing<'a>(name: &str, servers: impl Iterator<Item = &'a str> + Clone) -> String {
    match name {
        "require" | "module" | "exports" => NO_MODULES.to_owned(),
        "fetch" | "XMLHttpRequest" | "WebSocket" | "axios" => {
            "There is no network here: call a server's tool instead.".to_owned()
        }
        "setTimeout" | "setInterval" | "setImmediate" | "queueMicrotask" => {
            "There are no timers: a tool's call is awaited, and nothing else takes time.".to_owned()
        }
        "process" | "Deno" | "Bun" | "Buffer" | "window" | "document" | "navigator" | "localStorage"
        | "performance" => {
            format!("`{name}` belongs to a host; here are the language and the servers' tools alone.")
        }
        "Intl" | "Temporal" | "structuredClone" | "URL" | "URLSearchParams" | "TextEncoder" | "TextDecoder"
        | "atob" | "btoa" | "crypto" => format!("`{name}` is not part of the language here: do without it."),
        _ => {
            let meant = crate::suggest::nearest(name, servers.clone());
            let meant = meant.map(|name| format!("Did you mean `{name}`? ")).unwrap_or_default();
            let all: Vec<&str> = servers.take(30).collect();
            format!("{meant}The servers are: {}.", all.join(", "))
        }
    }
}

/// About a program that is done and said nothing.
pub(crate) const NO_RESULT: &str = "The program gave no result: end with an expression, or with `return value`.";

/// About a program that calls too often.
pub(crate) const CALLS: &str = "Make fewer: ask for more at a time, filter first, or go on in another program.";

/// About a result that is too large.
pub(crate) const RESULT: &str = "Return less: fewer rows, fewer fields, a summary.";

/// About a program that waits in vain.
pub(crate) const DEADLOCK: &str = "Something is awaited that nothing will ever resolve. Tools' calls and promises made from them are all there is to wait for.";
