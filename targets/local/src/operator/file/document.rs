//! A tenant's file: what there should be, by kind and id, each thing with its place in the file.

use serde_json::{Map, Value};

use super::{
    secrets,
    tree::{Content, Member, Node},
};

/// What a file speaks of, in the order in which it is made: what restricts comes before what is restricted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    Tenant,
    Team,
    Limit,
    Policy,
    Server,
    View,
    Key,
}

impl Kind {
    /// Those of which there are several, each with an id.
    pub(super) const COLLECTIONS: [Self; 5] = [Self::Team, Self::Limit, Self::Server, Self::View, Self::Key];

    /// As messages call one.
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Tenant => "tenant",
            Self::Team => "team",
            Self::Limit => "limit",
            Self::Policy => "policy",
            Self::Server => "server",
            Self::View => "view",
            Self::Key => "key",
        }
    }

    /// Its name in the file; of a collection also in the API's paths.
    pub(super) const fn section(self) -> &'static str {
        match self {
            Self::Tenant => "tenant",
            Self::Team => "teams",
            Self::Limit => "limits",
            Self::Policy => "policy",
            Self::Server => "servers",
            Self::View => "views",
            Self::Key => "keys",
        }
    }
}

/// One thing that there should be.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Item {
    pub(super) kind: Kind,
    /// Its id; of a key its name.
    pub(super) id: String,
    /// Where it stands in the file.
    pub(super) pointer: String,
    /// What the API is sent. May hold secrets.
    pub(super) body: Map<String, Value>,
}

/// A file that was read.
#[derive(Debug)]
pub(super) struct Document {
    pub(super) tenant: String,
    pub(super) items: Vec<Item>,
    /// The collections that the file speaks of: what they do not name is not wanted.
    pub(super) collections: Vec<Kind>,
    /// The file says that there is no policy.
    pub(super) without_policy: bool,
    root: Node,
}

/// Something that is wrong with a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Wrong {
    pub(super) line: usize,
    pub(super) detail: String,
}

const SECTIONS: &str = "tenant, display_name, enabled, code, approvals, teams, limits, policy, servers, views, keys";

impl Document {
    /// Reads a file. `env` gives what stands in for secrets.
    pub(super) fn read(root: Node, env: impl Fn(&str) -> Option<String>) -> Result<Self, Vec<Wrong>> {
        let Content::Map(members) = &root.content else {
            return Err(vec![Wrong { line: root.line, detail: format!("write a map: {SECTIONS}") }]);
        };
        let mut reading = Reading { env, wrong: Vec::new(), items: Vec::new() };
        let (mut tenant, mut about, mut collections, mut without_policy) = (None, Map::new(), Vec::new(), false);
        for member in members {
            let value = &member.value;
            match member.name.as_str() {
                "tenant" => tenant = reading.text(member),
                "display_name" | "enabled" | "code" | "approvals" => {
                    drop(about.insert(member.name.clone(), value.value()));
                }
                "policy" if value.content == Content::Scalar(Value::Null) => without_policy = true,
                "policy" => reading.one(Kind::Policy, String::new(), "/policy".to_owned(), value),
                section => match Kind::COLLECTIONS.into_iter().find(|kind| kind.section() == section) {
                    Some(kind) => {
                        collections.push(kind);
                        reading.several(kind, value);
                    }
                    None => reading.wrong(member.line, format!("there is no {section:?}; there are {SECTIONS}")),
                },
            }
        }
        if tenant.is_none() && !members.iter().any(|member| member.name == "tenant") {
            reading.wrong(root.line, "\"tenant\" is missing: the id of the tenant that the file is about");
        }
        let Reading { wrong, mut items, .. } = reading;
        let Some(tenant) = tenant.filter(|_| wrong.is_empty()) else { return Err(wrong) };
        items.push(Item { kind: Kind::Tenant, id: tenant.clone(), pointer: String::new(), body: about });
        items.sort_by_key(|item| item.kind);
        Ok(Self { tenant, items, collections, without_policy, root })
    }

    /// The line of what the API says is at `pointer` in the body of `item`.
    pub(super) fn line_of(&self, item: &Item, pointer: &str) -> usize {
        self.root.line_of(&format!("{}{pointer}", item.pointer))
    }
}

struct Reading<E> {
    env: E,
    wrong: Vec<Wrong>,
    items: Vec<Item>,
}

impl<E: Fn(&str) -> Option<String>> Reading<E> {
    fn wrong(&mut self, line: usize, detail: impl Into<String>) {
        self.wrong.push(Wrong { line, detail: detail.into() });
    }

    fn text(&mut self, member: &Member) -> Option<String> {
        if let Content::Scalar(Value::String(text)) = &member.value.content {
            return Some(text.clone());
        }
        self.wrong(member.line, format!("{}: write a text, in quotes if it looks like a number", member.name));
        None
    }

    fn several(&mut self, kind: Kind, node: &Node) {
        match &node.content {
            Content::Map(members) => {
                for member in members {
                    let pointer = format!("/{}/{}", kind.section(), escaped(&member.name));
                    self.one(kind, member.name.clone(), pointer, &member.value);
                }
            }
            Content::Scalar(Value::Null) => {}
            _ => self.wrong(node.line, format!("{}: write a map from ids to what they stand for", kind.section())),
        }
    }

    fn one(&mut self, kind: Kind, id: String, pointer: String, node: &Node) {
        let mut body = match node.value() {
            Value::Object(body) => body,
            Value::Null => Map::new(),
            _ => return self.wrong(node.line, format!("{} {id}: write a map", kind.as_str())),
        };
        if kind == Kind::Server {
            self.headers(&mut body, &pointer, node);
        }
        if kind == Kind::Key && body.insert("name".to_owned(), id.clone().into()).is_some() {
            let line = node.line_of("/name");
            self.wrong(line, format!("key {id}: its name is what it stands under: leave \"name\" out"));
        }
        self.items.push(Item { kind, id, pointer, body });
    }

    /// Puts secrets where the file refers to them.
    fn headers(&mut self, body: &mut Map<String, Value>, pointer: &str, node: &Node) {
        let Some(Value::Object(headers)) = body.get_mut("headers") else { return };
        for (name, value) in headers.iter_mut() {
            let Value::String(text) = value else { continue };
            match secrets::resolve(text, &self.env) {
                Ok(resolved) => *text = resolved,
                Err(detail) => {
                    let line = node.line_of(&format!("/headers/{}", escaped(name)));
                    self.wrong.push(Wrong { line, detail: format!("{}/headers/{name}: {detail}", &pointer[1..]) });
                }
            }
        }
    }
}

/// A name as a token of a JSON pointer.
fn escaped(name: &str) -> String {
    name.replace('~', "~0").replace('/', "~1")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read(text: &str) -> Result<Document, Vec<Wrong>> {
        let env = |name: &str| (name == "TOKEN").then(|| "s3cret".to_owned());
        Document::read(Node::parse(text).unwrap(), env)
    }

    #[test]
    fn a_file_becomes_what_the_api_is_sent_in_a_safe_order() {
        let text = "keys:\n  ci: {grants: ['*']}\nservers:\n  github:\n    url: https://x/mcp\n    headers:\n      \
                    authorization: Bearer ${TOKEN}\ntenant: acme\ndisplay_name: Acme\ncode: {limits: {calls: 3}}\napprovals:\npolicy: {rules: []}\nviews:\n";
        let document = read(text).unwrap();
        let bodies: Vec<(Kind, &str, Value)> =
            document.items.iter().map(|item| (item.kind, item.id.as_str(), item.body.clone().into())).collect();
        let server = json!({"url": "https://x/mcp", "headers": {"authorization": "Bearer s3cret"}});
        let expected = [
            (
                Kind::Tenant,
                "acme",
                json!({"display_name": "Acme", "code": {"limits": {"calls": 3}}, "approvals": null}),
            ),
            (Kind::Policy, "", json!({"rules": []})),
            (Kind::Server, "github", server),
            (Kind::Key, "ci", json!({"name": "ci", "grants": ["*"]})),
        ];
        assert_eq!(bodies, expected);
        assert_eq!(document.collections, [Kind::Key, Kind::Server, Kind::View]);
        let server = &document.items[2];
        assert_eq!(document.line_of(server, "/headers/Authorization"), 7);
        assert_eq!(document.line_of(server, "/unknown"), 4);
    }

    #[test]
    fn what_is_wrong_is_said_with_its_line_and_without_secrets() {
        let text = "tenant: 7\nserver: {}\nservers:\n  a:\n    headers:\n      x: a${NOT_SET}b\n  b: 7\nkeys: []\nviews:\n  v: {}\n";
        let wrong = read(text).unwrap_err();
        let said: Vec<(usize, bool)> =
            wrong.iter().map(|wrong| (wrong.line, wrong.detail.contains("NOT_SET"))).collect();
        assert_eq!(said, [(1, false), (2, false), (6, true), (7, false), (8, false)]);
        assert!(read("display_name: x\n").unwrap_err()[0].detail.contains("\"tenant\" is missing"));
        assert!(read("- x\n").is_err());
        assert!(read("tenant: a\nkeys:\n  ci:\n    name: other\n    grants: []\n").unwrap_err()[0].line == 4);
    }

    #[test]
    fn no_policy_is_something_else_than_nothing_said_of_it() {
        assert!(read("tenant: a\npolicy: ~\n").unwrap().without_policy);
        assert!(!read("tenant: a\n").unwrap().without_policy);
    }
}
