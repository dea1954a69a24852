//! What holds whatever upstreams send.

use std::{cell::Cell, collections::BTreeSet, rc::Rc};

use bytes::Bytes;
use proptest::prelude::*;
use serde_json::{Map, Value, json, value::RawValue};
use toolgate_codemode::{
    AnswerLimits, BIFROST, CODE, CallMade, Detail, Ended, ExecuteAnswer, Failure, Guide, MetaTool, Names, Outcome,
    SearchArguments, Shape, ToolSource, Toolset, declare,
};

/// Text as it may come: words, and what breaks text.
fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => "[a-z_]{1,12}",
        2 => "[A-Za-z ,.;:/*`'\"\\\\(){}<>|&\n-]{0,30}",
        1 => "\\PC{0,12}",
        1 => any::<String>(),
        1 => Just("*/\u{202e}\u{2028}\n//".to_owned()),
    ]
}

/// Values that look like schemas, at most `depth` deep.
fn schema() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(json!({"type": "string"})),
        Just(json!({"type": ["integer", "null"]})),
        Just(json!({"$ref": "#/$defs/a"})),
        Just(json!({"$ref": "#/$defs/b"})),
        Just(json!({"$ref": "#"})),
        Just(json!(true)),
        Just(json!({"type": "object"})),
        text().prop_map(|text| json!({"const": text})),
        text().prop_map(|text| json!({"$ref": format!("#/{text}")})),
        prop::collection::vec(text(), 0..20).prop_map(|texts| json!({"enum": texts})),
    ];
    leaf.prop_recursive(5, 60, 6, |inner| {
        let many = || prop::collection::vec(inner.clone(), 0..5);
        let members = prop::collection::btree_map(text(), inner.clone(), 0..6).boxed();
        prop_oneof![
            4 => (members.clone(), prop::collection::vec(text(), 0..3), text()).prop_map(|(properties, required, doc)| {
                json!({"type": "object", "properties": properties, "required": required, "description": doc})
            }),
            2 => inner.clone().prop_map(|items| json!({"type": "array", "items": items})),
            1 => many().prop_map(|items| json!({"prefixItems": items})),
            1 => (many(), inner.clone()).prop_map(|(any, own)| with(own, "anyOf", json!(any))),
            1 => (many(), inner.clone()).prop_map(|(one, own)| with(own, "oneOf", json!(one))),
            1 => (many(), inner.clone()).prop_map(|(all, own)| with(own, "allOf", json!(all))),
            1 => (members, inner.clone()).prop_map(|(defs, own)| with(own, "$defs", json!(defs))),
            1 => (inner.clone(), inner.clone()).prop_map(|(not, own)| with(own, "not", not)),
            1 => (inner.clone(), inner).prop_map(|(more, own)| with(own, "additionalProperties", more)),
        ]
    })
}

fn with(mut schema: Value, name: &str, value: Value) -> Value {
    if let Value::Object(members) = &mut schema {
        members.insert(name.to_owned(), value);
    }
    schema
}

fn tool() -> impl Strategy<Value = Value> {
    (schema(), schema(), schema(), prop::option::of(schema()), text(), text()).prop_map(
        |(input, a, b, output, title, description)| {
            let input = with(input, "$defs", json!({"a": a, "b": b}));
            let mut tool = json!({"title": title, "description": description, "inputSchema": input});
            if let Some(output) = output {
                tool["outputSchema"] = output;
            }
            tool
        },
    )
}

/// Whether `text` is in one piece: strings and comments end, brackets match, and nothing in it is invisible.
fn well_formed(text: &str) -> Result<(), String> {
    let mut open = Vec::new();
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '"' => loop {
                match chars.next() {
                    Some('\\') => drop(chars.next()),
                    Some('"') => break,
                    Some('\n') | None => return Err("a string does not end".into()),
                    Some(_) => {}
                }
            },
            '/' if chars.peek() == Some(&'/') => while chars.next_if(|c| *c != '\n').is_some() {},
            '/' if chars.peek() == Some(&'*') => {
                chars.next();
                let star = Cell::new(false);
                while !(star.get() && chars.peek() == Some(&'/')) {
                    star.set(chars.next().ok_or("a comment does not end")? == '*');
                }
                chars.next();
            }
            '(' | '[' | '{' => open.push(c),
            ')' | ']' | '}' => match (open.pop(), c) {
                (Some('('), ')') | (Some('['), ']') | (Some('{'), '}') => {}
                _ => return Err(format!("{c} closes nothing")),
            },
            _ => {}
        }
    }
    let invisible = |c: char| c.is_control() && c != '\n' || "\u{202e}\u{2028}\u{200b}\u{feff}".contains(c);
    if text.contains(invisible) {
        return Err("something can't be seen".into());
    }
    if open.is_empty() { Ok(()) } else { Err("something is not closed".into()) }
}

fn toolset(tools: &[(String, String, Value)]) -> Rc<Toolset> {
    Rc::new(Toolset::new(tools.iter().map(|(server, name, tool)| ToolSource {
        server: server.clone(),
        name: name.clone(),
        raw: Bytes::from(tool.to_string()),
    })))
}

fn catalogue() -> impl Strategy<Value = Vec<(String, String, Value)>> {
    let name =
        prop_oneof!["[a-c][-_. ]?[a-cA-C]{0,2}", "(list|get|create|delete)[_-](issue|issues|file|branch)", text()];
    let server = prop_oneof!["[ab][-_]?[ab]?", Just("git".to_owned()), text()];
    let described = prop_oneof![text(), "(list|create|read) (issues|files|the branch) (of|in) a (project|repository)"];
    let tool = (described, prop::collection::vec("[a-z_]{1,8}", 0..4)).prop_map(|(description, parameters)| {
        let properties: Map<String, Value> =
            parameters.into_iter().map(|name| (name, json!({"type": "string"}))).collect();
        json!({"description": description, "inputSchema": {"type": "object", "properties": properties}})
    });
    prop::collection::vec((server, name, tool), 0..20)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_tool_has_a_bounded_declaration_in_one_piece(tool in tool()) {
        for detail in [Detail::Signature, Detail::Full] {
            let declared = declare(&tool, "f", None, detail, "");
            let types: String = declared.types.iter().map(|(name, text)| format!("type {name} = {text}\n")).collect();
            let text = format!("{types}{}", declared.function);
            prop_assert!(text.len() < 12_000, "{}", text.len());
            prop_assert_eq!(well_formed(&text), Ok(()), "{}", text);
            prop_assert_eq!(declare(&tool.clone(), "f", None, detail, ""), declared);
            if detail == Detail::Signature {
                prop_assert!(!text.trim_end().contains('\n') || !types.is_empty(), "{}", text);
            }
        }
    }

    #[test]
    fn the_order_of_members_makes_no_difference(tool in tool()) {
        // A parsed object is sorted, so the other order is written by hand.
        fn backwards(value: &Value) -> String {
            match value {
                Value::Object(members) => {
                    let members = members.iter().rev().map(|(name, value)| format!("{}:{}", json!(name), backwards(value)));
                    format!("{{{}}}", members.collect::<Vec<_>>().join(","))
                }
                Value::Array(items) => format!("[{}]", items.iter().map(backwards).collect::<Vec<_>>().join(",")),
                other => other.to_string(),
            }
        }
        let other: Value = serde_json::from_str(&backwards(&tool)).unwrap();
        prop_assert_eq!(declare(&other, "f", None, Detail::Full, ""), declare(&tool, "f", None, Detail::Full, ""));
    }

    #[test]
    fn identifiers_are_one_to_one(pairs in prop::collection::vec((text(), text()), 0..40)) {
        let names = Names::new(pairs.iter().map(|(server, tool)| (server.as_str(), tool.as_str())));
        let wanted: BTreeSet<_> = pairs.iter().collect();
        let mut found = 0;
        let mut globals = BTreeSet::new();
        for server in names.servers() {
            prop_assert!(globals.insert(server.server.identifier.to_ascii_lowercase()));
            let mut properties = BTreeSet::new();
            for tool in &server.tools {
                prop_assert!(properties.insert(tool.identifier.to_ascii_lowercase()));
                let identifiers = (server.server.identifier.as_str(), tool.identifier.as_str());
                prop_assert!(identifiers.0.chars().chain(identifiers.1.chars()).all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '$'));
                prop_assert_eq!(names.originals(identifiers.0, identifiers.1), Some((&*server.server.original, &*tool.original)));
                prop_assert_eq!(names.identifiers(&server.server.original, &tool.original), Some(identifiers));
                found += 1;
            }
        }
        prop_assert_eq!(found, wanted.len());
    }

    /// Nothing that a caller may not see leaves a trace: all answers are those of a catalogue that has nothing else.
    #[test]
    fn what_is_not_seen_is_not_there(tools in catalogue(), seen in any::<u64>(), query in "(list|create|a|b|git) (issue|file|c|branch)s?|\\PC{0,10}") {
        let mut known = BTreeSet::new();
        let tools: Vec<_> = tools.into_iter().filter(|(server, name, _)| known.insert((server.clone(), name.clone()))).collect();
        let sees = |at: usize| seen >> (at % 64) & 1 == 1;
        let shown: BTreeSet<(&str, &str)> =
            tools.iter().enumerate().filter(|(at, _)| sees(*at)).map(|(_, (server, name, _))| (server.as_str(), name.as_str())).collect();
        let less: Vec<_> = tools.iter().filter(|(server, name, _)| shown.contains(&(server, name))).cloned().collect();
        let (all, only) = (toolset(&tools), toolset(&less));
        let (through, whole) = (all.visible(|server, tool| shown.contains(&(server, tool))), only.visible(|_, _| true));
        let names = (through.names(), whole.names());
        let tokens = (through.definition_tokens(), whole.definition_tokens());
        let (through, whole) = (Guide::new(&through), Guide::new(&whole));
        let server = tools.first().map(|(server, ..)| server.clone());
        let server = server.as_deref().unwrap_or("a");
        let name = tools.first().map_or("a.b".to_owned(), |(server, name, _)| format!("{server}.{name}"));
        // What a tool would be called beside another of the same name.
        let bare = tools.first().map_or("a", |(_, name, _)| name);
        let suffixed = format!("{}_2", bare.replace(|c: char| !c.is_ascii_alphanumeric(), "_"));
        for (tool, arguments) in [
            (MetaTool::Search, json!({"query": query})),
            (MetaTool::Search, json!({"query": query, "server": server, "detail": "full"})),
            (MetaTool::Search, json!({"query": name})),
            (MetaTool::Search, json!({"query": suffixed})),
            (MetaTool::Search, json!({"query": suffixed, "server": server, "detail": "full"})),
            (MetaTool::Search, json!({})),
            (MetaTool::Search, json!({"server": server})),
            (MetaTool::ListToolFiles, json!({})),
            (MetaTool::ReadToolFile, json!({"fileName": server})),
            (MetaTool::GetToolDocs, json!({"server": server, "tool": name})),
        ] {
            prop_assert_eq!(through.tell(tool, &arguments), whole.tell(tool, &arguments), "{:?} {}", tool, arguments);
        }
        prop_assert_eq!(through.resolve(&name), whole.resolve(&name));
        prop_assert_eq!(names.0, names.1);
        prop_assert_eq!(tokens.0, tokens.1);
    }

    #[test]
    fn every_tool_that_is_found_can_be_called(tools in catalogue()) {
        let set = toolset(&tools);
        let all = set.visible(|_, _| true);
        let guide = Guide::new(&all);
        for server in all.names().servers() {
            for tool in &server.tools {
                let name = format!("{}.{}", server.server.identifier, tool.identifier);
                let found = guide.resolve(&name).map(|found| (found.server, found.tool));
                prop_assert_eq!(found, Ok((&*server.server.original, &*tool.original)));
            }
        }
    }

    #[test]
    fn the_order_of_tools_makes_no_difference(tools in catalogue(), query in "[a-z ]{0,12}") {
        let mut known = BTreeSet::new();
        let tools: Vec<_> = tools.into_iter().filter(|(server, name, _)| known.insert((server.clone(), name.clone()))).collect();
        let backwards: Vec<_> = tools.iter().rev().cloned().collect();
        let (a, b) = (toolset(&tools), toolset(&backwards));
        let arguments = SearchArguments { queries: vec![query], ..SearchArguments::default() };
        prop_assert_eq!(Guide::new(&a.visible(|_, _| true)).search(&arguments), Guide::new(&b.visible(|_, _| true)).search(&arguments));
    }

    #[test]
    fn meta_tools_answer_anything(tools in catalogue(), members in prop::collection::btree_map("query|server|detail|limit|fileName|startLine|tool", text(), 0..5)) {
        let set = toolset(&tools);
        let all = set.visible(|_, _| true);
        for tool in CODE.into_iter().chain(BIFROST) {
            if let Some(told) = Guide::new(&all).tell(tool, &json!(members)) {
                prop_assert!(told.text.len() < 64_000);
            }
        }
    }

    #[test]
    fn an_answer_is_json_and_bounded(result in schema(), logs in prop::collection::vec(text(), 0..20), message in text(), max in 0_usize..200) {
        let limits = AnswerLimits { result: max, logs: max, message: max, calls: 3 };
        let raw = RawValue::from_string(result.to_string()).unwrap();
        let failure = Failure { kind: "runtime", limit: None, tool: None, message: &message, line: Some(1), hint: None };
        for outcome in [Outcome::Completed { result: Some(&raw), hint: None }, Outcome::Failed(failure)] {
            let answer = ExecuteAnswer::new(&outcome, &logs, &[CallMade { tool: "a.b", ended: Ended::Unknown }], &limits);
            prop_assert!(serde_json::from_str::<Value>(&answer.json).unwrap().is_object());
            prop_assert!(serde_json::from_str::<Value>(&answer.result()).unwrap()["structuredContent"].is_object());
            // An escape makes of a byte six at most.
            prop_assert!(answer.json.len() < 1_000 + 12 * max, "{}", answer.json.len());
        }
    }

    #[test]
    fn a_shape_holds_any_results(values in prop::collection::vec(schema(), 1..6)) {
        let mut shape = Shape::default();
        for value in &values {
            shape.add(value);
        }
        for value in &values {
            let before = shape.clone();
            shape.add(value);
            prop_assert_eq!(&shape, &before);
        }
        let text = shape.text(200);
        prop_assert!(text.len() <= 200);
        prop_assert_eq!(well_formed(&text), Ok(()), "{}", text);
        let stored = serde_json::to_string(&shape).unwrap();
        prop_assert_eq!(serde_json::from_str::<Shape>(&stored).unwrap(), shape);
    }
}
