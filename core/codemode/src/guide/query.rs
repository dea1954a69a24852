//! What `search` is asked. Models write arguments in many ways; what is meant is taken. Must never look at tools.

use serde_json::Value;

use crate::declare::Detail;

/// The most queries in one search.
const MAX_QUERIES: usize = 8;
/// The longest query, in bytes.
const MAX_QUERY: usize = 400;
/// The most tools of one answer.
const MAX_LIMIT: usize = 50;
const LIMIT: usize = 10;

/// The arguments of `search`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SearchArguments {
    /// What is looked for, each on its own. None: an overview.
    pub queries: Vec<String>,
    /// Only tools of this server.
    pub server: Option<String>,
    /// How much is said of each tool, if the caller has a wish.
    pub detail: Option<Detail>,
    /// The most tools, if the caller has a wish.
    pub limit: Option<usize>,
}

impl SearchArguments {
    /// Takes `query` as text (several separated by `;` or line ends) or as a list, numbers also as text, and details in any case.
    ///
    /// # Errors
    /// Says what is wrong, in words for the model.
    pub fn parse(arguments: &Value) -> Result<Self, String> {
        let member = |name: &str| arguments.get(name).filter(|value| !value.is_null());
        let mut queries = Vec::new();
        match member("query") {
            None => {}
            Some(Value::String(text)) => split(text, &mut queries),
            Some(Value::Array(texts)) => {
                for text in texts.iter().take(MAX_QUERIES) {
                    split(text.as_str().ok_or("query must be text, or a list of texts")?, &mut queries);
                }
            }
            Some(_) => return Err("query must be text, or a list of texts".to_owned()),
        }
        queries.truncate(MAX_QUERIES);
        let server = match member("server") {
            None => None,
            Some(Value::String(name)) => Some(name.trim().to_owned()).filter(|name| !name.is_empty()),
            Some(_) => return Err("server must be a server's name".to_owned()),
        };
        let detail = match member("detail") {
            None => None,
            Some(Value::String(detail)) => Some(match detail.to_ascii_lowercase().as_str() {
                "names" => Detail::Names,
                "signature" => Detail::Signature,
                "full" => Detail::Full,
                _ => return Err("detail must be names, signature or full".to_owned()),
            }),
            Some(_) => return Err("detail must be names, signature or full".to_owned()),
        };
        let limit = match member("limit") {
            None => None,
            Some(value) => Some(number(value).ok_or("limit must be a number from 1 to 50")?.clamp(1, MAX_LIMIT)),
        };
        Ok(Self { queries, server, detail, limit })
    }

    pub(super) fn limit(&self) -> usize {
        self.limit.unwrap_or(LIMIT).clamp(1, MAX_LIMIT)
    }
}

fn split(text: &str, queries: &mut Vec<String>) {
    for query in text.split([';', '\n']).map(str::trim).filter(|query| !query.is_empty()) {
        if queries.len() < MAX_QUERIES {
            queries.push(crate::text::prefix(query, MAX_QUERY).to_owned());
        }
    }
}

fn number(value: &Value) -> Option<usize> {
    let number = match value {
        Value::String(text) => text.trim().parse().ok()?,
        other => other.as_f64()?,
    };
    // Out of range, a cast gives the nearest.
    number.is_finite().then_some(number as usize)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn several_queries_come_as_a_list_or_in_one_text() {
        for query in
            [json!(["list issues", "send mail"]), json!("list issues; send mail"), json!(" list issues \nsend mail;")]
        {
            let arguments = SearchArguments::parse(&json!({"query": query})).unwrap();
            assert_eq!(arguments.queries, ["list issues", "send mail"]);
        }
        assert_eq!(SearchArguments::parse(&json!({"query": ""})).unwrap(), SearchArguments::default());
        assert_eq!(SearchArguments::parse(&json!({})).unwrap(), SearchArguments::default());
    }

    #[test]
    fn what_is_meant_is_taken() {
        let arguments = SearchArguments::parse(&json!({"server": " git ", "detail": "FULL", "limit": "500"})).unwrap();
        assert_eq!(
            (arguments.server.as_deref(), arguments.detail, arguments.limit),
            (Some("git"), Some(Detail::Full), Some(50))
        );
        assert_eq!(SearchArguments::parse(&json!({"limit": 0, "server": null})).unwrap().limit, Some(1));
        assert_eq!(SearchArguments::parse(&json!({"limit": 3.0})).unwrap().limit(), 3);
    }

    #[test]
    fn what_can_not_be_meant_is_refused() {
        for arguments in [
            json!({"query": 7}),
            json!({"query": [7]}),
            json!({"server": 1}),
            json!({"detail": "more"}),
            json!({"detail": 1}),
            json!({"limit": "ten"}),
        ] {
            assert!(SearchArguments::parse(&arguments).is_err(), "{arguments}");
        }
    }

    #[test]
    fn a_query_is_bounded() {
        let many = vec!["x".repeat(10_000); 1000];
        let arguments = SearchArguments::parse(&json!({"query": many})).unwrap();
        assert_eq!(arguments.queries.len(), MAX_QUERIES);
        assert!(arguments.queries.iter().all(|query| query.len() <= MAX_QUERY));
    }
}
