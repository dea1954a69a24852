//! One request to the admin API, before it is sent, and what of its answer is shown.

use http::{HeaderName, Method, header};
use serde_json::{Map, Value};

/// A request.
#[derive(Debug)]
pub(super) struct Ask {
    pub(super) method: Method,
    path: String,
    body: Option<Value>,
    dry: Run,
    /// What a list is narrowed to: `&key=…`.
    narrowed: String,
    condition: Option<(HeaderName, String)>,
    /// The columns of a list; empty for anything else.
    pub(super) columns: &'static [&'static str],
    /// How the answer is told to people, where it isn't as any other.
    pub(super) tell: Option<fn(&Value) -> Vec<String>>,
}

/// Why a request can't be made.
#[derive(Debug, thiserror::Error)]
pub(crate) enum AskError {
    #[error("{0:?} can't be an id")]
    Id(String),
}

/// Whether the gateway is to do it, or only to say what it would do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Run {
    Real,
    Dry,
}

impl Ask {
    pub(super) fn list(path: &[&str], collection: &str, columns: &'static [&'static str]) -> Result<Self, AskError> {
        let ask = Self::new(Method::GET, path, None)?;
        Ok(Self { path: format!("{}/{collection}", ask.path), columns, ..ask })
    }

    pub(super) fn get(path: &[&str]) -> Result<Self, AskError> {
        Self::new(Method::GET, path, None)
    }

    pub(super) fn put(path: &[&str], body: Map<String, Value>) -> Result<Self, AskError> {
        Self::new(Method::PUT, path, Some(body))
    }

    pub(super) fn post(path: &[&str], body: Map<String, Value>) -> Result<Self, AskError> {
        Self::new(Method::POST, path, Some(body))
    }

    pub(super) fn patch(path: &[&str], body: Map<String, Value>) -> Result<Self, AskError> {
        Self::new(Method::PATCH, path, Some(body))
    }

    pub(super) fn delete(path: &[&str]) -> Result<Self, AskError> {
        Self::new(Method::DELETE, path, None)
    }

    // What an id must look like the API knows; here it must only stay one segment of the path.
    fn new(method: Method, path: &[&str], body: Option<Map<String, Value>>) -> Result<Self, AskError> {
        let mut whole = "/admin/v1".to_owned();
        for segment in path {
            let plain = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'_';
            if segment.is_empty() || !segment.bytes().all(plain) {
                return Err(AskError::Id((*segment).to_owned()));
            }
            whole.push('/');
            whole.push_str(segment);
        }
        Ok(Self {
            method,
            path: whole,
            body: body.map(Value::Object),
            dry: Run::Real,
            narrowed: String::new(),
            condition: None,
            columns: &[],
            tell: None,
        })
    }

    /// The same, whose answer `tell` tells to people, line by line.
    pub(super) fn told(self, tell: fn(&Value) -> Vec<String>) -> Self {
        Self { tell: Some(tell), ..self }
    }

    /// The same list, of these values alone.
    pub(super) fn narrowed(self, values: impl Iterator<Item = (&'static str, String)>) -> Self {
        let narrowed = values.map(|(name, value)| format!("&{name}={}", encoded(&value))).collect();
        Self { narrowed, ..self }
    }

    /// The query of a page of a list; `cursor` is what the page before gave.
    pub(super) fn page(&self, cursor: Option<&str>) -> String {
        let cursor = cursor.map(|cursor| format!("&cursor={cursor}")).unwrap_or_default();
        format!("?limit=200{cursor}{}", self.narrowed)
    }

    /// The same, as a dry run.
    pub(super) fn dry(self) -> Self {
        Self { dry: Run::Dry, ..self }
    }

    /// The same, if the record is as `etag` says; if there is none, where that is `None`.
    pub(super) fn expecting(self, etag: Option<&str>) -> Self {
        let condition = match etag {
            Some(etag) => (header::IF_MATCH, etag.to_owned()),
            None => (header::IF_NONE_MATCH, "*".to_owned()),
        };
        Self { condition: Some(condition), ..self }
    }

    pub(super) fn path(&self) -> &str {
        &self.path
    }

    pub(super) const fn query(&self) -> &'static str {
        match self.dry {
            Run::Real => "",
            Run::Dry => "?dry_run=true",
        }
    }

    pub(super) const fn condition(&self) -> Option<&(HeaderName, String)> {
        self.condition.as_ref()
    }

    pub(super) const fn body(&self) -> Option<&Value> {
        self.body.as_ref()
    }

    pub(super) const fn is_list(&self) -> bool {
        !self.columns.is_empty()
    }
}

/// A value as it may stand in a query.
fn encoded(value: &str) -> String {
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.' | b'~');
    value.bytes().map(|b| if plain(b) { char::from(b).to_string() } else { format!("%{b:02X}") }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_encoded_in_the_query_of_a_list() {
        let ask = Ask::list(&["tenants", "acme"], "usage", &["limit"]).unwrap();
        let ask = ask.narrowed([("user", "a b&c=é".to_owned())].into_iter());
        assert_eq!(ask.page(Some("x")), "?limit=200&cursor=x&user=a%20b%26c%3D%C3%A9");
    }

    #[test]
    fn an_id_can_not_lead_to_another_path() {
        for id in ["", "..", "a/b", "a?b", "a b", "a%2fb", "ä"] {
            assert!(Ask::get(&["tenants", id]).is_err(), "{id}");
        }
    }
}
