//! One request to the admin API, before it is sent, and what of its answer is shown.

use http::Method;
use serde_json::{Map, Value};

use super::OperateError;

/// A request.
#[derive(Debug)]
pub(super) struct Ask {
    pub(super) method: Method,
    path: String,
    body: Option<Value>,
    /// The columns of a list; empty for anything else.
    pub(super) columns: &'static [&'static str],
}

impl Ask {
    pub(super) fn list(
        path: &[&str],
        collection: &str,
        columns: &'static [&'static str],
    ) -> Result<Self, OperateError> {
        let ask = Self::new(Method::GET, path, None)?;
        Ok(Self { path: format!("{}/{collection}", ask.path), columns, ..ask })
    }

    pub(super) fn get(path: &[&str]) -> Result<Self, OperateError> {
        Self::new(Method::GET, path, None)
    }

    pub(super) fn put(path: &[&str], body: Map<String, Value>) -> Result<Self, OperateError> {
        Self::new(Method::PUT, path, Some(body))
    }

    pub(super) fn post(path: &[&str], body: Map<String, Value>) -> Result<Self, OperateError> {
        Self::new(Method::POST, path, Some(body))
    }

    pub(super) fn patch(path: &[&str], body: Map<String, Value>) -> Result<Self, OperateError> {
        Self::new(Method::PATCH, path, Some(body))
    }

    pub(super) fn delete(path: &[&str]) -> Result<Self, OperateError> {
        Self::new(Method::DELETE, path, None)
    }

    // What an id must look like the API knows; here it must only stay one segment of the path.
    fn new(method: Method, path: &[&str], body: Option<Map<String, Value>>) -> Result<Self, OperateError> {
        let mut whole = "/admin/v1".to_owned();
        for segment in path {
            let plain = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'_';
            if segment.is_empty() || !segment.bytes().all(plain) {
                return Err(OperateError::Id((*segment).to_owned()));
            }
            whole.push('/');
            whole.push_str(segment);
        }
        Ok(Self { method, path: whole, body: body.map(Value::Object), columns: &[] })
    }

    pub(super) fn path(&self) -> &str {
        &self.path
    }

    pub(super) const fn body(&self) -> Option<&Value> {
        self.body.as_ref()
    }

    pub(super) const fn is_list(&self) -> bool {
        !self.columns.is_empty()
    }
}
