//! What a name becomes where code is to use it. Must never know which other names there are.

use std::borrow::Cow;

/// The longest identifier, in bytes. Upstream names may be of any length.
const MAX_IDENTIFIER: usize = 96;

/// Words that JavaScript keeps for itself (strict mode and modules included), and names that mean something on any object or promise.
const RESERVED: &[&str] = &[
    "__proto__",
    "arguments",
    "await",
    "break",
    "case",
    "catch",
    "class",
    "const",
    "constructor",
    "continue",
    "debugger",
    "default",
    "delete",
    "do",
    "else",
    "enum",
    "eval",
    "export",
    "extends",
    "false",
    "finally",
    "for",
    "function",
    "if",
    "implements",
    "import",
    "in",
    "instanceof",
    "interface",
    "let",
    "new",
    "null",
    "package",
    "private",
    "protected",
    "prototype",
    "public",
    "return",
    "static",
    "super",
    "switch",
    "then",
    "this",
    "throw",
    "true",
    "try",
    "typeof",
    "undefined",
    "var",
    "void",
    "while",
    "with",
    "yield",
];

/// Globals that a server's name must not hide: those of the language that code relies on, and the sandbox's own.
const GLOBALS: &[&str] = &[
    "AggregateError",
    "Array",
    "ArrayBuffer",
    "BigInt",
    "Boolean",
    "DataView",
    "Date",
    "Error",
    "EvalError",
    "Function",
    "Infinity",
    "Intl",
    "Iterator",
    "JSON",
    "Map",
    "Math",
    "NaN",
    "Number",
    "Object",
    "Promise",
    "Proxy",
    "RangeError",
    "ReferenceError",
    "Reflect",
    "RegExp",
    "Set",
    "String",
    "Symbol",
    "SyntaxError",
    "ToolError",
    "TypeError",
    "URIError",
    "WeakMap",
    "WeakSet",
    "async",
    "codemode",
    "console",
    "decodeURI",
    "decodeURIComponent",
    "encodeURI",
    "encodeURIComponent",
    "escape",
    "global",
    "globalThis",
    "isFinite",
    "isNaN",
    "of",
    "parseFloat",
    "parseInt",
    "self",
    "tools",
    "unescape",
    "window",
];

/// Whether `text` can stand as a property's name, or after a dot, as it is.
pub(crate) fn is_plain(text: &str) -> bool {
    let mut bytes = text.bytes();
    bytes.next().is_some_and(|first| first.is_ascii_alphabetic() || first == b'_' || first == b'$')
        && bytes.all(|byte| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'$')
}

/// The identifier a tool's name would have if no other wanted it.
pub(crate) fn of_tool(name: &str) -> Cow<'_, str> {
    let plain = plain(name);
    if RESERVED.contains(&&*plain) { Cow::Owned(format!("{plain}_")) } else { plain }
}

/// The identifier a server's name would have if no other wanted it: it becomes a global.
pub(crate) fn of_server(name: &str) -> Cow<'_, str> {
    let identifier = of_tool(name);
    if GLOBALS.contains(&&*identifier) { Cow::Owned(format!("{identifier}_")) } else { identifier }
}

/// `name` with `_` for whatever an identifier may not hold.
fn plain(name: &str) -> Cow<'_, str> {
    if is_plain(name) && name.len() <= MAX_IDENTIFIER {
        return Cow::Borrowed(name);
    }
    let mut out = String::with_capacity(name.len().min(MAX_IDENTIFIER) + 1);
    if !name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_' || c == '$') {
        // A leading digit stays behind it; any other leading character becomes it.
        if name.is_empty() || name.starts_with(|c: char| c.is_ascii_digit()) {
            out.push('_');
        }
    }
    for c in name.chars() {
        if out.len() == MAX_IDENTIFIER {
            break;
        }
        out.push(if c.is_ascii_alphanumeric() || c == '_' || c == '$' { c } else { '_' });
    }
    Cow::Owned(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_is_an_identifier_stays() {
        for name in ["list_issues", "listIssues", "$x", "_", "API"] {
            assert!(matches!(of_tool(name), Cow::Borrowed(same) if same == name));
        }
    }

    #[test]
    fn other_characters_become_underscores() {
        for (name, identifier) in [
            ("API-post-search", "API_post_search"),
            ("a.b/c d", "a_b_c_d"),
            ("3d", "_3d"),
            ("-x", "_x"),
            ("日本", "__"),
            ("", "_"),
            ("a\u{202e}b", "a_b"),
        ] {
            assert_eq!(of_tool(name), identifier);
            assert!(is_plain(&of_tool(name)));
        }
    }

    #[test]
    fn what_the_language_means_otherwise_gets_an_underscore() {
        for name in ["delete", "then", "constructor", "__proto__", "await"] {
            assert_eq!(of_tool(name), format!("{name}_"));
        }
        assert_eq!(of_tool("JSON"), "JSON");
        assert_eq!(of_server("JSON"), "JSON_");
        assert_eq!(of_server("console"), "console_");
        assert_eq!(of_server("tools"), "tools_");
        assert_eq!(of_server("fetch"), "fetch");
    }

    #[test]
    fn no_identifier_is_longer_than_the_bound() {
        assert_eq!(of_tool(&"x".repeat(1000)).len(), MAX_IDENTIFIER);
        assert_eq!(of_tool(&"é".repeat(1000)).len(), MAX_IDENTIFIER);
    }
}
