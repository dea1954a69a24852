//! What is given on the command line, as fields of a body.

use clap::ValueEnum;
use serde_json::{Map, Value};

// Only what was given is sent: the API decides what the rest is.
pub(super) fn body<const N: usize>(fields: [(&str, Option<Value>); N]) -> Map<String, Value> {
    fields.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))).collect()
}

/// A chosen word, as it is spelled.
pub(super) fn word(value: Option<clap::builder::PossibleValue>) -> Option<Value> {
    value.map(|value| Value::from(value.get_name()))
}

/// How clients are shown tools.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub(super) enum ToolsMode {
    /// As servers list them.
    Direct,
    /// By one that searches them and one that calls them.
    Search,
    /// By one that searches them and one that runs programs which call them.
    Code,
    /// Direct where there are few, else code.
    Auto,
    /// By the four tools of Bifrost's Code Mode.
    Bifrost,
}

impl ToolsMode {
    pub(super) fn spelled(self) -> Option<Value> {
        word(self.to_possible_value())
    }
}

/// An object of texts, if there are any.
pub(super) fn pairs(pairs: Vec<(String, String)>) -> Option<Value> {
    let members: Map<_, _> = pairs.into_iter().map(|(name, value)| (name, value.into())).collect();
    (!members.is_empty()).then_some(members.into())
}

/// Takes an object of JSON.
pub(super) fn json_object(text: &str) -> Result<Value, String> {
    match serde_json::from_str(text) {
        Ok(value @ Value::Object(_)) => Ok(value),
        Ok(_) => Err("write an object".into()),
        Err(error) => Err(error.to_string()),
    }
}
