//! What a server says of one of its items, as far as decisions look at it: read once, and only if a decision does.

use toolgate_policy::Described;
use toolgate_rules::Annotations;
use toolgate_wire::splice;

/// Title, description and annotations. Unverified.
#[derive(Debug, Default)]
pub(crate) struct Description {
    title: Option<Box<str>>,
    text: Option<Box<str>>,
    annotated_title: Option<Box<str>>,
    read_only: Option<bool>,
    destructive: Option<bool>,
    idempotent: Option<bool>,
    open_world: Option<bool>,
}

impl Description {
    /// Of an item's raw JSON.
    pub(crate) fn of(raw: &[u8]) -> Self {
        let item = std::str::from_utf8(raw).unwrap_or("{}");
        let annotations = splice::value(item, "annotations").filter(|found| found.starts_with('{')).unwrap_or("{}");
        Self {
            title: text(item, "title"),
            text: text(item, "description"),
            annotated_title: text(annotations, "title"),
            read_only: hint(annotations, "readOnlyHint"),
            destructive: hint(annotations, "destructiveHint"),
            idempotent: hint(annotations, "idempotentHint"),
            open_world: hint(annotations, "openWorldHint"),
        }
    }

    pub(crate) fn borrowed(&self) -> Described<'_> {
        Described {
            title: self.title.as_deref(),
            description: self.text.as_deref(),
            annotations: Annotations {
                title: self.annotated_title.as_deref(),
                read_only: self.read_only,
                destructive: self.destructive,
                idempotent: self.idempotent,
                open_world: self.open_world,
            },
        }
    }
}

fn text(object: &str, member: &str) -> Option<Box<str>> {
    splice::value(object, member).and_then(splice::string).map(Into::into)
}

fn hint(object: &str, member: &str) -> Option<bool> {
    match splice::value(object, member)? {
        "true" => Some(true),
        "false" => Some(false),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_an_item_says_is_read_and_anything_else_is_as_if_unsaid() {
        let item = r#"{"name":"x","title":"X","description":"does \"x\"","annotations":{"title":"T","readOnlyHint":true,"destructiveHint":"no"}}"#;
        let description = Description::of(item.as_bytes());
        let described = description.borrowed();
        assert_eq!((described.title, described.description), (Some("X"), Some("does \"x\"")));
        let Annotations { title, read_only, destructive, idempotent, .. } = described.annotations;
        assert_eq!((title, read_only, destructive, idempotent), (Some("T"), Some(true), None, None));
        for odd in ["{}", "[]", "", r#"{"title":1,"annotations":[true]}"#] {
            assert_eq!(Description::of(odd.as_bytes()).borrowed().annotations.read_only, None, "{odd}");
        }
    }
}
