//! YAML and JSON as values that know their lines. What YAML has beyond JSON's values (anchors, tags, several documents, keys that are
//! no texts) is refused: a file says each thing once, where it stands.

use saphyr_parser::{Event, Marker, Parser, ScalarStyle};
use serde_json::{Map, Value};

/// How deep a file may nest.
const MAX_DEPTH: usize = 64;

/// A value and the line it begins on.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Node {
    pub(super) line: usize,
    pub(super) content: Content,
}

/// A value.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Content {
    Scalar(Value),
    List(Vec<Node>),
    Map(Vec<Member>),
}

/// A member of a map.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Member {
    pub(super) name: String,
    pub(super) line: usize,
    pub(super) value: Node,
}

/// Why a text can't be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {detail}")]
pub(crate) struct TreeError {
    pub(super) line: usize,
    pub(super) detail: String,
}

fn error<T>(line: usize, detail: impl Into<String>) -> Result<T, TreeError> {
    Err(TreeError { line, detail: detail.into() })
}

impl Node {
    /// Reads a text, which holds one value.
    pub(super) fn parse(text: &str) -> Result<Self, TreeError> {
        let mut reader = Reader(Parser::new_from_str(text));
        reader.prologue()?;
        let first = reader.next()?;
        let node = match first.0 {
            Event::DocumentEnd | Event::StreamEnd => return error(1, "there is nothing in it"),
            _ => reader.node(first, 0)?,
        };
        match reader.epilogue()? {
            None => Ok(node),
            Some(line) => error(line, "a second document begins here: write one tenant to a file"),
        }
    }

    /// As a plain value.
    pub(super) fn value(&self) -> Value {
        match &self.content {
            Content::Scalar(value) => value.clone(),
            Content::List(items) => items.iter().map(Self::value).collect(),
            Content::Map(members) => {
                members.iter().map(|member| (member.name.clone(), member.value.value())).collect::<Map<_, _>>().into()
            }
        }
    }

    /// The member `name`, if it is a map that has one.
    pub(super) fn member(&self, name: &str) -> Option<&Member> {
        let Content::Map(members) = &self.content else { return None };
        members.iter().find(|member| member.name.eq_ignore_ascii_case(name))
    }

    /// The line of the value at `pointer` (RFC 6901), or of what is nearest to it.
    pub(super) fn line_of(&self, pointer: &str) -> usize {
        let (mut node, mut line) = (self, self.line);
        for token in pointer.split('/').skip(1) {
            let token = token.replace("~1", "/").replace("~0", "~");
            let next = match &node.content {
                Content::Map(_) => node.member(&token).map(|member| (member.line, &member.value)),
                Content::List(items) => {
                    token.parse().ok().and_then(|at: usize| items.get(at)).map(|item| (item.line, item))
                }
                Content::Scalar(_) => None,
            };
            let Some(found) = next else { break };
            (line, node) = found;
        }
        line
    }
}

struct Reader<'a>(Parser<'a, saphyr_parser::StrInput<'a>>);

type Spanned<'a> = (Event<'a>, usize);

impl<'a> Reader<'a> {
    fn next(&mut self) -> Result<Spanned<'a>, TreeError> {
        match self.0.next_event() {
            Some(Ok((event, span))) => Ok((event, span.start.line())),
            Some(Err(failure)) => {
                let marker: &Marker = failure.marker();
                error(marker.line(), failure.info().to_owned())
            }
            None => Ok((Event::StreamEnd, 1)),
        }
    }

    fn prologue(&mut self) -> Result<(), TreeError> {
        loop {
            match self.next()?.0 {
                Event::StreamStart | Event::Nothing => {}
                Event::DocumentStart(_) => return Ok(()),
                _ => return error(1, "there is nothing in it"),
            }
        }
    }

    /// The line on which a second document begins, if one does.
    fn epilogue(&mut self) -> Result<Option<usize>, TreeError> {
        loop {
            match self.next()? {
                (Event::StreamEnd, _) => return Ok(None),
                (Event::DocumentStart(_), line) => return Ok(Some(line)),
                _ => {}
            }
        }
    }

    fn node(&mut self, (event, line): Spanned<'a>, depth: usize) -> Result<Node, TreeError> {
        if depth > MAX_DEPTH {
            return error(line, format!("this nests deeper than {MAX_DEPTH} levels"));
        }
        let content = match event {
            Event::Scalar(text, style, 0, None) => Content::Scalar(scalar(&text, style)),
            Event::SequenceStart(0, None) => Content::List(self.items(depth)?),
            Event::MappingStart(0, None) => Content::Map(self.members(depth)?),
            Event::Alias(_) => return error(line, "aliases (*) are not taken: write it out"),
            Event::Scalar(_, _, _, Some(_)) | Event::SequenceStart(_, Some(_)) | Event::MappingStart(_, Some(_)) => {
                return error(line, "tags (!) are not taken: quote what is to be a text");
            }
            Event::Scalar(..) | Event::SequenceStart(..) | Event::MappingStart(..) => {
                return error(line, "anchors (&) are not taken: write it out");
            }
            _ => return error(line, "something is missing here"),
        };
        Ok(Node { line, content })
    }

    fn items(&mut self, depth: usize) -> Result<Vec<Node>, TreeError> {
        let mut items = Vec::new();
        loop {
            match self.next()? {
                (Event::SequenceEnd, _) => return Ok(items),
                first => items.push(self.node(first, depth + 1)?),
            }
        }
    }

    fn members(&mut self, depth: usize) -> Result<Vec<Member>, TreeError> {
        let mut members: Vec<Member> = Vec::new();
        loop {
            let (name, line) = match self.next()? {
                (Event::MappingEnd, _) => return Ok(members),
                (Event::Scalar(name, ..), line) => (name.into_owned(), line),
                (_, line) => return error(line, "a name must be a text"),
            };
            if members.iter().any(|member| member.name == name) {
                return error(line, format!("{name:?} is there twice"));
            }
            let first = self.next()?;
            members.push(Member { name, line, value: self.node(first, depth + 1)? });
        }
    }
}

/// A plain scalar is what JSON would make of it: so `no`, `1_000` and `12:30` are texts.
fn scalar(text: &str, style: ScalarStyle) -> Value {
    if style != ScalarStyle::Plain {
        return Value::from(text);
    }
    match text {
        "" | "~" | "null" => Value::Null,
        "true" => Value::Bool(true),
        "false" => Value::Bool(false),
        _ => match serde_json::from_str(text) {
            Ok(number @ Value::Number(_)) => number,
            _ => Value::from(text),
        },
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    #[test]
    fn yaml_and_json_read_alike() {
        let yaml = "a: 1\nb:\n  - x\n  - {c: [true, ~, no, 1_000, '7', 1.5, -2]}\n# why\nd: |\n  two\n  lines\n";
        let json = json!({"a": 1, "b": ["x", {"c": [true, null, "no", "1_000", "7", 1.5, -2]}], "d": "two\nlines\n"});
        assert_eq!(Node::parse(yaml).unwrap().value(), json);
        for spelled in [json.to_string(), serde_json::to_string_pretty(&json).unwrap()] {
            assert_eq!(Node::parse(&spelled).unwrap().value(), json, "{spelled}");
        }
        let tabbed = serde_json::to_string_pretty(&json).unwrap().replace("  ", "\t");
        assert_eq!(Node::parse(&tabbed).unwrap().value(), json);
    }

    #[test]
    fn a_place_has_a_line() {
        let node = Node::parse("a: 1\nb:\n  - x\n  - c/d: 1\n    e: {f: 2}\n").unwrap();
        for (pointer, line) in
            [("", 1), ("/a", 1), ("/b", 2), ("/b/1", 4), ("/b/1/c~1d", 4), ("/b/1/e/f", 5), ("/b/1/e/g", 5), ("/x", 1)]
        {
            assert_eq!(node.line_of(pointer), line, "{pointer}");
        }
    }

    #[test]
    fn what_is_more_than_json_is_refused_with_its_line() {
        for (text, line, said) in [
            ("", 1, "nothing"),
            ("# only this\n", 1, "nothing"),
            ("a: 1\na: 2\n", 2, "twice"),
            ("a: &x 1\nb: *x\n", 1, "anchors"),
            ("a: 1\nb: !!str 2\n", 2, "tags"),
            ("a: 1\n---\nb: 2\n", 2, "second document"),
            ("a: 1\n[x]: 2\n", 2, "name"),
            ("a: [1\nb: 2\n", 2, ""),
            ("a: 'x\n", 2, ""),
        ] {
            let error = Node::parse(text).unwrap_err();
            assert!(error.line >= line.min(1) && error.detail.contains(said), "{text}: {error}");
            assert!(said.is_empty() || error.line == line, "{text}: {error}");
        }
        assert!(Node::parse(&"[".repeat(100_000)).is_err());
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused_without_panic(text in "[a-c:\\-\\[\\]{}&*!'\"|> \t\n,#0-9]{0,60}") {
            let _ = Node::parse(&text);
        }

        #[test]
        fn what_json_says_is_read_as_said(
            pairs in prop::collection::btree_map("\\PC{0,8}", "\\PC{0,12}", 0..4), number: i32, flag: bool,
        ) {
            let value = json!({"pairs": pairs, "number": number, "flag": flag});
            prop_assert_eq!(Node::parse(&value.to_string()).unwrap().value(), value);
        }
    }
}
