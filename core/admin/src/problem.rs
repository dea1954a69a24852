//! What went wrong, as RFC 9457 problems. One table names every kind; nothing here knows what was asked for.

use bytes::Bytes;
use http::{HeaderValue, Response, StatusCode, header};
use serde::Serialize;
use toolgate_ports::{Body, LedgerError, StoreError};

/// The most field errors one problem lists.
const MAX_ERRORS: usize = 100;

macro_rules! kinds {
    ($($(#[$doc:meta])* $name:ident = $status:ident, $slug:literal, $title:literal;)*) => {
        /// The kinds of problems.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub(crate) enum Kind { $($(#[$doc])* $name,)* }

        impl Kind {
            /// All of them.
            #[cfg(test)]
            pub(crate) const ALL: &'static [Self] = &[$(Self::$name,)*];

            /// The last part of its `type`.
            pub(crate) const fn slug(self) -> &'static str {
                match self { $(Self::$name => $slug,)* }
            }

            /// Its HTTP status.
            pub(crate) const fn status(self) -> StatusCode {
                match self { $(Self::$name => StatusCode::$status,)* }
            }

            const fn title(self) -> &'static str {
                match self { $(Self::$name => $title,)* }
            }
        }
    };
}

kinds! {
    Unauthorized = UNAUTHORIZED, "unauthorized", "The operator token is missing or wrong";
    Forbidden = FORBIDDEN, "forbidden", "The operator's role does not allow this";
    NotConfigured = SERVICE_UNAVAILABLE, "not-configured", "The admin API is switched off";
    UnknownPath = NOT_FOUND, "unknown-path", "There is no such path";
    WrongMethod = METHOD_NOT_ALLOWED, "wrong-method", "The path does not take this method";
    InvalidId = BAD_REQUEST, "invalid-id", "An id in the path is not valid";
    InvalidParameter = BAD_REQUEST, "invalid-parameter", "A query parameter is unknown or not valid";
    WrongContentType = UNSUPPORTED_MEDIA_TYPE, "wrong-content-type", "The body's content type is not taken";
    BodyTooLarge = PAYLOAD_TOO_LARGE, "body-too-large", "The body is too large";
    BodyBroken = BAD_REQUEST, "body-broken", "The body broke off";
    MalformedJson = BAD_REQUEST, "malformed-json", "The body is not JSON";
    UnknownField = BAD_REQUEST, "unknown-field", "A field is unknown";
    InvalidField = BAD_REQUEST, "invalid-field", "A field is missing or not valid";
    TenantNotFound = NOT_FOUND, "tenant-not-found", "There is no such tenant";
    ServerNotFound = NOT_FOUND, "server-not-found", "There is no such server";
    KeyNotFound = NOT_FOUND, "key-not-found", "There is no such key";
    ViewNotFound = NOT_FOUND, "view-not-found", "There is no such view";
    PolicyNotFound = NOT_FOUND, "policy-not-found", "There is no such policy";
    TeamNotFound = NOT_FOUND, "team-not-found", "There is no such team";
    LimitNotFound = NOT_FOUND, "limit-not-found", "There is no such limit";
    OperatorNotFound = NOT_FOUND, "operator-not-found", "There is no such operator";
    ApprovalNotFound = NOT_FOUND, "approval-not-found", "There is no such approval";
    PreconditionFailed = PRECONDITION_FAILED, "precondition-failed", "The record is not as the request expects";
    Conflict = CONFLICT, "conflict", "The record was changed by somebody else";
    TooManyServers = CONFLICT, "too-many-servers", "The tenant has as many servers as it may have";
    TooManyViews = CONFLICT, "too-many-views", "The tenant has as many views as it may have";
    TooManyTeams = CONFLICT, "too-many-teams", "The tenant has as many teams as it may have";
    TooManyLimits = CONFLICT, "too-many-limits", "The tenant has as many limits as it may have";
    TooManyOperators = CONFLICT, "too-many-operators", "The gateway has as many operators as it may have";
    ApprovalDecided = CONFLICT, "approval-decided", "It was decided otherwise";
    ApprovalExpired = CONFLICT, "approval-expired", "It was not decided in time";
    NameTaken = CONFLICT, "name-taken", "The id is taken";
    ToolsUnavailable = BAD_GATEWAY, "tools-unavailable", "The server's tools are not known";
    HealthUnavailable = BAD_GATEWAY, "health-unavailable", "The server's health is not known";
    ExplainUnavailable = BAD_GATEWAY, "explain-unavailable", "It can't be said what would be decided";
    StoreUnavailable = SERVICE_UNAVAILABLE, "store-unavailable", "The store did not answer";
    StoreFailed = INTERNAL_SERVER_ERROR, "store-failed", "The store refused or holds what can't be read";
}

/// What is wrong with one field, or one query parameter.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct FieldError {
    /// Where in the body (RFC 6901).
    #[serde(skip_serializing_if = "Option::is_none")]
    pointer: Option<String>,
    /// Which query parameter.
    #[serde(skip_serializing_if = "Option::is_none")]
    parameter: Option<String>,
    /// Where within a text that is a program of its own.
    #[serde(skip_serializing_if = "Option::is_none")]
    position: Option<Position>,
    detail: String,
}

/// A place in a text. Both count from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
struct Position {
    line: u32,
    column: u32,
}

impl FieldError {
    /// About the value at `path` in the body.
    pub(crate) fn at(path: &[&str], detail: impl Into<String>) -> Self {
        let pointer = path.iter().fold(String::new(), |pointer, token| {
            // Bounded: a token may be a member's name as it came.
            let token: String = token.chars().take(256).collect();
            pointer + "/" + &token.replace('~', "~0").replace('/', "~1")
        });
        Self { pointer: Some(pointer), parameter: None, position: None, detail: detail.into() }
    }

    /// About a place within the text at `path` in the body.
    pub(crate) fn within(path: &[&str], line: u32, column: u32, detail: impl Into<String>) -> Self {
        let detail = format!("line {line}, column {column}: {}", detail.into());
        Self { position: Some(Position { line, column }), ..Self::at(path, detail) }
    }

    /// About the query parameter `name`.
    pub(crate) fn parameter(name: &str, detail: impl Into<String>) -> Self {
        let parameter = Some(name.chars().take(80).collect());
        Self { pointer: None, parameter, position: None, detail: detail.into() }
    }
}

/// A request that is not done, and why.
#[derive(Debug)]
pub(crate) struct Problem {
    pub(crate) kind: Kind,
    pub(crate) detail: String,
    errors: Vec<FieldError>,
    allow: Option<String>,
}

/// As it is sent.
#[derive(Serialize)]
struct Document<'a> {
    r#type: String,
    title: &'static str,
    status: u16,
    detail: &'a str,
    instance: String,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    errors: &'a [FieldError],
}

impl Problem {
    /// A problem of `kind`; `detail` says what to do about it.
    pub(crate) fn new(kind: Kind, detail: impl Into<String>) -> Self {
        Self { kind, detail: detail.into(), errors: Vec::new(), allow: None }
    }

    /// A problem with fields; there is at least one.
    pub(crate) fn fields(kind: Kind, mut errors: Vec<FieldError>) -> Self {
        errors.truncate(MAX_ERRORS);
        let detail = match errors.first() {
            Some(FieldError { pointer: Some(pointer), detail, .. }) => format!("{pointer}: {detail}"),
            Some(FieldError { parameter: Some(parameter), detail, .. }) => format!("{parameter}: {detail}"),
            _ => String::new(),
        };
        Self { errors, ..Self::new(kind, detail) }
    }

    /// The path takes only the methods `allow`.
    pub(crate) fn wrong_method(allow: &str) -> Self {
        let detail = format!("this path takes {allow}");
        Self { allow: Some(allow.to_owned()), ..Self::new(Kind::WrongMethod, detail) }
    }

    /// As an answer to the request `request_id`.
    pub(crate) fn response(&self, request_id: &str) -> Response<Body> {
        let status = self.kind.status();
        let document = Document {
            r#type: format!("urn:toolgate:problem:{}", self.kind.slug()),
            title: self.kind.title(),
            status: status.as_u16(),
            detail: &self.detail,
            instance: format!("urn:toolgate:request:{request_id}"),
            errors: &self.errors,
        };
        let body = serde_json::to_vec(&document).unwrap_or_default();
        let mut response = Response::new(Body::Full(Bytes::from(body)));
        *response.status_mut() = status;
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        match self.kind {
            Kind::Unauthorized => {
                let challenge = HeaderValue::from_static("Bearer realm=\"toolgate admin\"");
                headers.insert(header::WWW_AUTHENTICATE, challenge);
            }
            Kind::StoreUnavailable => {
                headers.insert(header::RETRY_AFTER, HeaderValue::from_static("2"));
            }
            _ => {}
        }
        if let Some(Ok(allow)) = self.allow.as_deref().map(HeaderValue::from_str) {
            headers.insert(header::ALLOW, allow);
        }
        response
    }
}

impl From<LedgerError> for Problem {
    fn from(error: LedgerError) -> Self {
        match error {
            LedgerError::Unavailable(_) => Self::new(Kind::StoreUnavailable, format!("{error}: try again")),
            LedgerError::Refused(_) | LedgerError::Corrupt(_) => Self::new(Kind::StoreFailed, error.to_string()),
        }
    }
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Conflict(_) => {
                Self::new(Kind::Conflict, "it was changed while this request was made: read it again")
            }
            StoreError::Unavailable(_) => {
                Self::new(Kind::StoreUnavailable, format!("{error}: try again; a change may have been made already"))
            }
            StoreError::Refused(_) | StoreError::Corrupt(_) => Self::new(Kind::StoreFailed, error.to_string()),
        }
    }
}
