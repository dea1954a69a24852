//! What a model is told, read as it reads it.

use std::rc::Rc;

use bytes::Bytes;
use serde_json::{Value, json};
use toolgate_codemode::{Guide, MetaTool, Shape, ToolSource, Toolset, Visible};

const GITHUB: &str = include_str!("../../../tests/fixtures/github-mcp-server.tools.json");

fn source(server: &str, tool: &Value) -> ToolSource {
    let name = tool["name"].as_str().unwrap_or_default().to_owned();
    ToolSource { server: server.to_owned(), name, raw: Bytes::from(tool.to_string()) }
}

fn seen(tools: &[(&str, Value)]) -> Visible {
    let set = Toolset::new(tools.iter().map(|(server, tool)| source(server, tool)));
    Rc::new(set).visible(|_, _| true)
}

/// A tool with a required and an optional parameter.
fn tool(name: &str, description: &str) -> Value {
    let properties = json!({"path": {"type": "string", "description": "Where"}, "deep": {"type": "boolean"}});
    json!({"name": name, "description": description,
        "inputSchema": {"type": "object", "properties": properties, "required": ["path"]}})
}

fn small() -> Visible {
    seen(&[
        ("files", tool("read_file", "Read a file. It must exist.")),
        ("files", tool("list-files", "List the files in a folder.")),
        ("my-git", tool("log", "Show the history")),
    ])
}

fn github() -> Visible {
    let tools: Vec<Value> = serde_json::from_str(GITHUB).unwrap_or_default();
    seen(&tools.into_iter().map(|tool| ("github", tool)).collect::<Vec<_>>())
}

fn told(visible: &Visible, tool: MetaTool, arguments: &Value) -> String {
    Guide::new(visible).tell(tool, arguments).map(|told| told.text).unwrap_or_default()
}

fn search(visible: &Visible, arguments: &Value) -> String {
    told(visible, MetaTool::Search, arguments)
}

#[test]
fn a_search_answers_declarations_by_server() {
    let answer = search(&small(), &json!({"query": "read a file"}));
    let expected = "2 matches\nnamespace files {\nread_file(a: {path: string; deep?: boolean}): any // Read a file\n\
        list_files(a: {path: string; deep?: boolean}): any // List the files in a folder\n}";
    assert_eq!(answer, expected);
}

#[test]
fn several_queries_are_answered_in_turn() {
    let answer = search(&small(), &json!({"query": ["list files", "history"], "limit": 2}));
    let expected = "best 2 of 3 matches\nnamespace files {\n\
        list_files(a: {path: string; deep?: boolean}): any // List the files in a folder\n}\n\
        namespace my_git {\nlog(a: {path: string; deep?: boolean}): any // Show the history\n}";
    assert_eq!(answer, expected);
}

#[test]
fn full_detail_has_the_whole_description_and_what_is_said_of_parameters() {
    let answer = search(&small(), &json!({"query": "files.read_file", "detail": "full"}));
    let expected = "1 match\nnamespace files {\n/** Read a file. It must exist. */\nread_file(a: {\n path: string; // Where\n \
        deep?: boolean;\n}): any\n}";
    assert_eq!(answer, expected);
    assert_eq!(search(&small(), &json!({"query": "read_file", "detail": "full"})), expected);
}

#[test]
fn without_a_query_a_small_catalogue_is_told_by_name() {
    let expected = "3 tools of 2 servers\nfiles: list_files, read_file\nmy_git: log";
    assert_eq!(search(&small(), &json!({})), expected);
    assert_eq!(search(&small(), &json!({"server": "my_git"})), "1 tool\nmy_git: log");
    assert_eq!(search(&small(), &json!({"server": "my-git"})), "1 tool\nmy_git: log");
}

#[test]
fn without_a_query_a_large_catalogue_is_told_by_server() {
    let many: Vec<(String, Value)> =
        (0..300).map(|n| (format!("server{}", n / 100), tool(&format!("a_rather_long_name_{n}"), ""))).collect();
    let visible = seen(&many.iter().map(|(server, tool)| (server.as_str(), tool.clone())).collect::<Vec<_>>());
    assert_eq!(search(&visible, &json!({})), "300 tools of 3 servers: server0 100, server1 100, server2 100");
    let names = search(&visible, &json!({"server": "SERVER1"}));
    assert!(names.starts_with("100 tools\nserver1: a_rather_long_name_100, "), "{names}");
}

#[test]
fn a_server_narrows_a_search() {
    let answer = search(&small(), &json!({"query": "history; files", "server": "my_git"}));
    assert!(answer.starts_with("1 match\nnamespace my_git"), "{answer}");
    assert_eq!(
        search(&small(), &json!({"query": "files", "server": "my_git"})),
        "no match in my_git; similar: files.read_file, files.list_files"
    );
}

#[test]
fn what_is_not_there_leads_to_what_is() {
    let visible = small();
    let guide = Guide::new(&visible);
    let missing = guide.tell(MetaTool::Search, &json!({"query": "x", "server": "fils"})).unwrap();
    assert_eq!(missing.text, "there is no server \"fils\"; did you mean files?; servers: files, my_git");
    assert!(missing.is_error);
    let unknown = guide.resolve("files.raed_file").unwrap_err();
    assert_eq!(unknown.to_string(), "there is no tool \"files.raed_file\"; did you mean files.read_file?");
    assert_eq!(guide.like("git.log"), ["my_git.log"]);
    assert_eq!(search(&visible, &json!({"query": "zzz"})), "no match; try other words, or no query for an overview");
}

#[test]
fn a_tool_is_known_by_each_of_its_names() {
    let visible = small();
    let guide = Guide::new(&visible);
    for name in ["my_git.log", "my-git.log", "my-git__log", "my_git__log"] {
        let found = guide.resolve(name).unwrap();
        assert_eq!((found.server, found.tool), ("my-git", "log"));
    }
    assert_eq!(guide.resolve("files.list_files").unwrap().tool, "list-files");
    assert_eq!(guide.resolve("files__list-files").unwrap().tool, "list-files");
    for name in ["log", "my_git", "files.log", "my_git.", ""] {
        assert!(guide.resolve(name).is_err(), "{name}");
    }
}

#[test]
fn an_answer_fits_whatever_is_asked() {
    let visible = github();
    assert_eq!(visible.count(), 117);
    for query in ["issue", "pull request review comment", "list; create; update; delete", "a the of"] {
        for limit in [1, 10, 50] {
            let answer = search(&visible, &json!({"query": query, "limit": limit}));
            assert!(answer.len() < 4_000, "{}", answer.len());
            let full = search(&visible, &json!({"query": query, "limit": limit, "detail": "full"}));
            assert!(full.len() < 14_000, "{}", full.len());
        }
    }
    let answer = search(&visible, &json!({"query": "issue", "limit": 50}));
    assert!(answer.contains("\nmore: github."), "{answer}");
    let names = search(&visible, &json!({"query": "gist", "detail": "names"}));
    assert_eq!(names, "4 matches\ngithub: get_gist, update_gist, create_gist, list_gists");
}

#[test]
fn what_results_looked_like_is_told_where_a_tool_does_not_say() {
    let visible = small();
    let look = |server: &str, tool: &str| {
        (server == "files" && tool == "read_file").then(|| Shape::of(&json!({"content": "x", "lines": 3})))
    };
    let guide = Guide::new(&visible).with_observed(&look);
    let answer = guide.tell(MetaTool::Search, &json!({"query": "files.read_file"})).unwrap().text;
    assert!(answer.contains("): /*seen*/{content: string; lines: number} // Read a file"), "{answer}");
}

#[test]
fn types_of_one_name_that_differ_are_told_apart() {
    let of = |kind: &str| {
        let item =
            json!({"type": "object", "properties": {kind: {"type": "string"}, "next": {"$ref": "#/$defs/item"}}});
        json!({"name": kind, "description": "same", "inputSchema":
            {"type": "object", "properties": {"item": {"$ref": "#/$defs/item"}}, "$defs": {"item": item}}})
    };
    let answer = search(&seen(&[("s", of("one")), ("s", of("two")), ("s", of("two"))]), &json!({"query": "same"}));
    let expected = "2 matches\nnamespace s {\ntype Item = {next?: Item; one?: string}\none(a?: {item?: Item}): any // same\n\
        type two_Item = {next?: two_Item; two?: string}\ntwo(a?: {item?: two_Item}): any // same\n}";
    assert_eq!(answer, expected);
}

#[test]
fn bifrosts_files_are_read_by_lines() {
    let visible = small();
    assert_eq!(told(&visible, MetaTool::ListToolFiles, &json!({})), "servers/\n  files.d.ts\n  my_git.d.ts");
    let whole = "namespace files {\nlist_files(a: {path: string; deep?: boolean}): any // List the files in a folder\n\
        read_file(a: {path: string; deep?: boolean}): any // Read a file\n}\n";
    for file in ["servers/files.d.ts", "files.d.ts", "files", "servers/files.pyi"] {
        assert_eq!(told(&visible, MetaTool::ReadToolFile, &json!({"fileName": file})), whole);
    }
    let line = told(&visible, MetaTool::ReadToolFile, &json!({"fileName": "files", "startLine": 3, "endLine": 3}));
    assert_eq!(line, "read_file(a: {path: string; deep?: boolean}): any // Read a file\n");
    let guide = Guide::new(&visible);
    for arguments in [
        json!({"fileName": "files", "startLine": 9}),
        json!({"fileName": "other"}),
        json!({}),
        json!({"fileName": "files", "endLine": "x"}),
    ] {
        assert!(guide.tell(MetaTool::ReadToolFile, &arguments).unwrap().is_error, "{arguments}");
    }
}

#[test]
fn bifrosts_docs_are_all_that_is_known_of_a_tool() {
    let visible = small();
    let docs = told(&visible, MetaTool::GetToolDocs, &json!({"server": "files", "tool": "list-files"}));
    assert!(docs.starts_with(
        "namespace files {\n/** List the files in a folder. */\nlist_files(a: {\n path: string; // Where"
    ));
    let unknown =
        Guide::new(&visible).tell(MetaTool::GetToolDocs, &json!({"server": "files", "tool": "read"})).unwrap();
    assert_eq!(
        (unknown.text.as_str(), unknown.is_error),
        ("there is no tool \"files.read\"; did you mean files.read_file?", true)
    );
}

#[test]
fn a_long_file_says_where_it_goes_on() {
    let many: Vec<(&str, Value)> =
        (0..900).map(|n| ("s", tool(&format!("tool_{n:03}"), "Does something that takes a while to say"))).collect();
    let text = told(&seen(&many), MetaTool::ReadToolFile, &json!({"fileName": "s"}));
    assert!(text.len() < 50_000);
    let (at, last) = (text.lines().count(), text.lines().last().unwrap());
    assert_eq!(last, format!("… lines {at} to 902 of 902 are left out: read on with startLine"));
    let rest = told(&seen(&many), MetaTool::ReadToolFile, &json!({"fileName": "s", "startLine": at}));
    assert!(rest.starts_with(&format!("tool_{:03}(", at - 2)), "{}", &rest[..40]);
}
