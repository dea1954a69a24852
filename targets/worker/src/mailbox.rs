//! Where two requests meet: an object per name of an exchange, which keeps its letters in SQLite, lets one reader wait for the next,
//! and forgets everything when its time is over.

#![allow(missing_docs, missing_debug_implementations, reason = "what the durable_object macro adds has neither")]

use std::{cell::RefCell, time::Duration};

use bytes::Bytes;
use futures_channel::oneshot;
use futures_util::future::{Either, select};
use gloo_timers::future::TimeoutFuture;
use js_sys::Uint8Array;
use toolgate_model::TenantId;
use toolgate_ports::{LETTER_LIFE, MAX_LETTER, MAX_LETTERS, Mailbox, StoreError};
use toolgate_sql::{Param, Value};
use worker::{DurableObject, Env, Method, Request, RequestInit, Response, State, durable_object};

use crate::{sql::DurableSql, store::WorkerStore};

/// A value of the database has at most two million bytes.
const PART: usize = 1 << 20;
const CREATE: &str = "CREATE TABLE IF NOT EXISTS letters (
    letter INTEGER NOT NULL, part INTEGER NOT NULL, bytes BLOB NOT NULL, PRIMARY KEY (letter, part)
) WITHOUT ROWID";
const COUNT: &str = "SELECT COUNT(DISTINCT letter), IFNULL(MAX(letter), 0) FROM letters";
const ADD: &str = "INSERT INTO letters (letter, part, bytes) VALUES (?1, ?2, ?3)";
const OLDEST: &str = "SELECT letter, bytes FROM letters WHERE letter = (SELECT MIN(letter) FROM letters) ORDER BY part";
const REMOVE: &str = "DELETE FROM letters WHERE letter = ?1";

const PUT: &str = "/put";
const TAKE: &str = "/take/";
/// What a letter too many is answered with.
const FULL: u16 = 409;
const NOTHING: u16 = 204;

/// The letters of one exchange.
#[durable_object(alarm)]
pub struct MailboxObject {
    state: State,
    sql: DurableSql,
    reader: RefCell<Option<oneshot::Sender<()>>>,
}

impl DurableObject for MailboxObject {
    fn new(state: State, _env: Env) -> Self {
        let sql = DurableSql::new(&state);
        Self { state, sql, reader: RefCell::default() }
    }

    async fn fetch(&self, mut request: Request) -> worker::Result<Response> {
        let path = request.path();
        if path == PUT {
            let letter = request.bytes().await?;
            return self.put(&letter).await;
        }
        let patience = path.strip_prefix(TAKE).and_then(|millis| millis.parse().ok());
        match patience {
            Some(patience) => self.take(patience).await,
            None => Response::error("no such operation", 404),
        }
    }

    async fn alarm(&self) -> worker::Result<Response> {
        self.state.storage().delete_all().await?;
        Response::empty()
    }
}

impl MailboxObject {
    fn rows(&self, statement: &str, params: &[Param<'_>]) -> worker::Result<Vec<Vec<Value>>> {
        self.sql.rows(statement, params).map_err(|error| worker::Error::RustError(error.to_string()))
    }

    async fn put(&self, letter: &[u8]) -> worker::Result<Response> {
        self.rows(CREATE, &[])?;
        let counted = self.rows(COUNT, &[])?;
        let Some([Value::Integer(count), Value::Integer(last)]) = counted.first().map(Vec::as_slice) else {
            return Response::error("the letters can't be counted", 500);
        };
        if usize::try_from(*count).unwrap_or(usize::MAX) >= MAX_LETTERS {
            return Response::error("there are too many letters under this name already", FULL);
        }
        // An empty letter has a part, too.
        let parts = letter.chunks(PART).chain(letter.is_empty().then_some(&[][..]));
        for (part, bytes) in (0_i64..).zip(parts) {
            self.rows(ADD, &[Param::Integer(last + 1), Param::Integer(part), Param::Blob(bytes)])?;
        }
        self.state.storage().set_alarm(LETTER_LIFE).await?;
        if let Some(reader) = self.reader.take() {
            // Who no longer waits is not told.
            let _ = reader.send(());
        }
        Response::empty()
    }

    async fn take(&self, patience: u32) -> worker::Result<Response> {
        let mut patience = TimeoutFuture::new(patience);
        loop {
            if let Some(letter) = self.oldest()? {
                return Response::from_bytes(letter);
            }
            let (sender, told) = oneshot::channel();
            *self.reader.borrow_mut() = Some(sender);
            match select(told, patience).await {
                Either::Left((Ok(()), rest)) => patience = rest,
                // Another reader took this one's place, or it waited long enough.
                Either::Left(_) | Either::Right(_) => return Ok(Response::empty()?.with_status(NOTHING)),
            }
        }
    }

    fn oldest(&self) -> worker::Result<Option<Vec<u8>>> {
        self.rows(CREATE, &[])?;
        let (mut letter, mut number) = (Vec::new(), None);
        for row in self.rows(OLDEST, &[])? {
            let [Value::Integer(of), Value::Blob(bytes)] = &row[..] else { continue };
            number = Some(*of);
            letter.extend_from_slice(bytes);
        }
        let Some(number) = number else { return Ok(None) };
        self.rows(REMOVE, &[Param::Integer(number)])?;
        Ok(Some(letter))
    }
}

impl Mailbox for WorkerStore {
    async fn put(&self, tenant: &TenantId, name: &str, letter: Bytes) -> Result<(), StoreError> {
        if letter.len() > MAX_LETTER {
            return Err(StoreError::Refused(format!("a letter has at most {MAX_LETTER} bytes")));
        }
        let body = Uint8Array::from(&letter[..]);
        let answer = self.ask_mailbox(tenant, name, PUT, Some(body)).await.map_err(|error| lost(&error))?;
        match answer.status_code() {
            200 => Ok(()),
            FULL => Err(StoreError::Refused(format!("there are {MAX_LETTERS} letters under this name already"))),
            other => Err(StoreError::Unavailable(format!("the mailbox answered {other}"))),
        }
    }

    async fn take(&self, tenant: &TenantId, name: &str, patience: Duration) -> Result<Option<Bytes>, StoreError> {
        let path = format!("{TAKE}{}", patience.as_millis());
        let mut answer = self.ask_mailbox(tenant, name, &path, None).await.map_err(|error| lost(&error))?;
        match answer.status_code() {
            NOTHING => Ok(None),
            200 => Ok(Some(answer.bytes().await.map_err(|error| lost(&error))?.into())),
            other => Err(StoreError::Unavailable(format!("the mailbox answered {other}"))),
        }
    }
}

impl WorkerStore {
    async fn ask_mailbox(
        &self,
        tenant: &TenantId,
        name: &str,
        path: &str,
        body: Option<Uint8Array>,
    ) -> worker::Result<Response> {
        let mut init = RequestInit::new();
        init.with_method(Method::Post).with_body(body.map(Into::into));
        let request = Request::new_with_init(&format!("https://object{path}"), &init)?;
        self.mailboxes().get_by_name(&format!("{tenant}/{name}"))?.fetch_with_request(request).await
    }
}

fn lost(error: &worker::Error) -> StoreError {
    StoreError::Unavailable(error.to_string())
}
