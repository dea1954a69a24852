//! What a view does to a tool's arguments: in the schema that clients see, and in the calls that they make.

use std::collections::BTreeMap;

use toolgate_model::ViewArgument;
use toolgate_wire::{Span, splice};

/// A call gives an argument that its tool does not have here.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the argument {name:?} is hidden here")]
pub struct HiddenArgument {
    /// The argument's name.
    pub name: String,
}

/// The arguments of one tool that a view hides or pins.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ArgumentEdits {
    hidden: Vec<String>,
    /// Names and raw values.
    pinned: Vec<(String, String)>,
}

impl ArgumentEdits {
    pub(crate) fn of(arguments: Option<&BTreeMap<String, ViewArgument>>) -> Self {
        let mut edits = Self::default();
        for (name, what) in arguments.into_iter().flatten() {
            match what {
                ViewArgument::Hidden => edits.hidden.push(name.clone()),
                ViewArgument::Pinned(value) => edits.pinned.push((name.clone(), value.to_string())),
            }
        }
        edits
    }

    /// Whether calls stay as they are.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.hidden.is_empty() && self.pinned.is_empty()
    }

    /// The raw arguments of a call as the upstream gets them.
    ///
    /// # Errors
    /// Names a hidden argument that the call gives.
    pub fn apply(&self, arguments: &str) -> Result<String, HiddenArgument> {
        if let Some(given) =
            splice::members(arguments).find(|member| self.hidden.iter().any(|name| *name == member.name))
        {
            return Err(HiddenArgument { name: given.name.into_owned() });
        }
        let whole = 0..arguments.len();
        let edit = self.pinned.iter().fold(splice::Edit::new(arguments), |edit, (name, value)| {
            edit.remove_member(whole.clone(), name).insert_first(whole.clone(), name, value.as_str())
        });
        Ok(edit.finish())
    }

    /// The edits of a tool's JSON that take these arguments out of its schema.
    pub(crate) fn edits_of_schema<'a>(&'a self, tool: &'a str, mut edit: splice::Edit<'a>) -> splice::Edit<'a> {
        let Some(schema) = splice::member(tool, "inputSchema") else { return edit };
        let names = || self.hidden.iter().chain(self.pinned.iter().map(|(name, _)| name));
        if let Some(properties) = within(tool, &schema, "properties") {
            for name in names() {
                edit = edit.remove_member(properties.clone(), name);
            }
        }
        if let Some(required) = within(tool, &schema, "required") {
            let array = &tool[required.clone()];
            let gone = |raw: &str| splice::string(raw).is_some_and(|one| names().any(|name| *name == one));
            let kept: Vec<&str> = splice::elements(array).map(|span| &array[span]).filter(|raw| !gone(raw)).collect();
            if kept.len() < splice::elements(array).count() {
                edit = edit.replace(required, format!("[{}]", kept.join(",")));
            }
        }
        edit
    }
}

fn within(text: &str, object: &Span, name: &str) -> Option<Span> {
    let span = splice::member(&text[object.clone()], name)?;
    Some(object.start + span.start..object.start + span.end)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn edits() -> ArgumentEdits {
        let arguments = BTreeMap::from([
            ("debug".to_owned(), ViewArgument::Hidden),
            ("owner".to_owned(), ViewArgument::Pinned(json!("acme"))),
        ]);
        ArgumentEdits::of(Some(&arguments))
    }

    #[test]
    fn pinned_values_replace_what_was_given_and_hidden_ones_are_refused() {
        assert_eq!(edits().apply(r#"{"x":1e3,"owner":"evil"}"#).unwrap(), r#"{"owner":"acme","x":1e3}"#);
        assert_eq!(edits().apply("{}").unwrap(), r#"{"owner":"acme"}"#);
        assert_eq!(edits().apply(r#"{"d\u0065bug":true}"#).unwrap_err().name, "debug");
        assert!(ArgumentEdits::of(None).is_empty() && !edits().is_empty());
    }

    #[test]
    fn the_schema_loses_them_and_nothing_else() {
        let tool = r#"{"name":"t","inputSchema":{"$schema":"x","properties":{"owner":{"type":"string"},"x":{"const":1.0},"debug":{}},"required":["x","owner"],"anyOf":[{}]}}"#;
        let edited = edits().edits_of_schema(tool, splice::Edit::new(tool)).finish();
        assert_eq!(
            edited,
            r#"{"name":"t","inputSchema":{"$schema":"x","properties":{"x":{"const":1.0}},"required":["x"],"anyOf":[{}]}}"#
        );
        let bare = r#"{"name":"t","inputSchema":{"type":"object"}}"#;
        assert_eq!(edits().edits_of_schema(bare, splice::Edit::new(bare)).finish(), bare);
    }
}
