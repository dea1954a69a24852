//! What waits for a person's approval, and what an operator decides. The gateway asks and uses the answer; how a program goes on
//! is for it alone, and is never shown.

use http::StatusCode;
use serde::Serialize;
use toolgate_model::{ApprovalId, ApprovalRecord, Decided, KeyId, TenantId, Timestamp, UserId, WaitingCall, Waits};
use toolgate_ports::{Platform, RecordKey, RecordKind};

use crate::{
    answer::{Answer, View},
    condition::Conditions,
    fields::{Fields, refuse_unknown},
    json::Members,
    paging::{PageQuery, PageView},
    problem::{Kind, Problem},
    records::{Change, Found, Kept, Place, Records, view},
};

/// The longest note, in characters.
const MAX_NOTE: usize = 500;

/// What is shown, whenever that is.
#[derive(Debug, Serialize)]
pub(crate) struct Shown<'a> {
    key: &'a KeyId,
    #[serde(skip_serializing_if = "Option::is_none")]
    user: Option<&'a UserId>,
    waits: Waits,
    calls: &'a [WaitingCall],
    #[serde(skip_serializing_if = "Option::is_none")]
    decided: Option<&'a Decided>,
    expires_at: Timestamp,
}

impl Kept for ApprovalRecord {
    const FIELDS: &'static [&'static str] = &[];
    const MISSING: Kind = Kind::ApprovalNotFound;
    type Shown<'a> = Shown<'a>;

    fn shown(&self) -> Shown<'_> {
        let Self { key, user, waits, calls, state: _, decided, created_at: _, updated_at: _, expires_at } = self;
        Shown { key, user: user.as_ref(), waits: *waits, calls, decided: decided.as_ref(), expires_at: *expires_at }
    }

    fn times(&self) -> (Timestamp, Timestamp) {
        (self.created_at, self.updated_at)
    }

    fn touch(&mut self, now: Timestamp) {
        self.updated_at = now;
    }
}

/// How it stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
enum Status {
    Pending,
    Approved,
    Denied,
    Expired,
}

impl Status {
    fn of(record: &ApprovalRecord, now: Timestamp) -> Self {
        match &record.decided {
            _ if !record.stands(now) => Self::Expired,
            None => Self::Pending,
            Some(Decided { approved: true, .. }) => Self::Approved,
            Some(Decided { approved: false, .. }) => Self::Denied,
        }
    }
}

/// An approval as it is shown at a time.
#[derive(Debug, Serialize)]
struct Stated<'a> {
    status: Status,
    #[serde(flatten)]
    view: View<'a, Shown<'a>>,
}

impl<'a> Stated<'a> {
    fn new(id: &'a str, found: &'a Found<ApprovalRecord>, now: Timestamp) -> Self {
        Self { status: Status::of(&found.record, now), view: view(id, &found.record, found.revision) }
    }
}

/// What an operator decides.
pub(crate) struct Verdict<'a> {
    pub(crate) approved: bool,
    /// What people call the operator.
    pub(crate) by: &'a str,
}

const fn word(approved: bool) -> &'static str {
    if approved { "approved" } else { "denied" }
}

/// Where an approval is stored.
pub(crate) fn place(tenant: TenantId, id: &ApprovalId) -> Place {
    Place { tenant, key: RecordKey::new(RecordKind::Approval, id.as_str()) }
}

/// Lists a tenant's approvals, those that expired among them until they are cleared away.
pub(crate) async fn list<P: Platform>(
    records: &Records<'_, P>,
    tenant: &TenantId,
    list: &str,
    query: &PageQuery,
    now: Timestamp,
) -> Result<Answer, Problem> {
    let (found, more) = records.page::<ApprovalRecord>(tenant, RecordKind::Approval, query).await?;
    let items = found.iter().map(|(id, found)| Stated::new(id, found, now)).collect();
    let last = found.last().map(|(id, _)| id.as_str());
    Answer::show(StatusCode::OK, &PageView::new(list, items, last, more))
}

/// Shows an approval.
pub(crate) async fn get<P: Platform>(
    records: &Records<'_, P>,
    place: &Place,
    now: Timestamp,
) -> Result<Answer, Problem> {
    show(place, &records.must_find(place).await?, now)
}

/// Decides. What was decided so already stays as it was decided; what was decided otherwise, or has expired, is refused.
pub(crate) async fn decide<P: Platform>(
    records: &Records<'_, P>,
    place: &Place,
    conditions: &Conditions,
    body: Members,
    verdict: Verdict<'_>,
    now: Timestamp,
) -> Result<Answer, Problem> {
    let note = read(body)?;
    let edited = records
        .edited_there(place, conditions, |before: &ApprovalRecord| decided(before, &verdict, note.as_deref(), now))
        .await?;
    let answer = show(place, &edited.found, now)?;
    if edited.change == Change::Same {
        return Ok(answer);
    }
    let Verdict { approved, by } = verdict;
    tracing::info!(target: "toolgate::approval", tenant = %place.tenant, approval = place.key.id, approved, by, "decided");
    Ok(answer.changed(place.key.clone()))
}

fn show(place: &Place, found: &Found<ApprovalRecord>, now: Timestamp) -> Result<Answer, Problem> {
    let stated = Stated::new(&place.key.id, found, now);
    Ok(Answer::show(StatusCode::OK, &stated)?.at(found.revision))
}

fn read(body: Members) -> Result<Option<String>, Problem> {
    refuse_unknown(&body, &["note"])?;
    let mut fields = Fields::new(body);
    let note = fields.text("note", note);
    fields.done()?;
    Ok(note)
}

fn note(text: &str) -> Result<String, String> {
    match text.chars().count() {
        1..=MAX_NOTE if !text.chars().any(char::is_control) => Ok(text.to_owned()),
        _ => Err(format!("write 1 to {MAX_NOTE} characters, none of them a control character")),
    }
}

fn decided(
    before: &ApprovalRecord,
    verdict: &Verdict<'_>,
    note: Option<&str>,
    now: Timestamp,
) -> Result<ApprovalRecord, Problem> {
    if !before.stands(now) {
        let detail = format!("it expired at {}: whoever still wants it must ask again", before.expires_at);
        return Err(Problem::new(Kind::ApprovalExpired, detail));
    }
    match &before.decided {
        Some(Decided { approved, .. }) if *approved == verdict.approved => Ok(before.clone()),
        Some(Decided { approved, by, at, .. }) => {
            let (was, wanted) = (word(*approved), word(verdict.approved));
            let detail =
                format!("{by} {was} it at {at}, so it can't be {wanted}: delete it, and it can be asked for again");
            Err(Problem::new(Kind::ApprovalDecided, detail))
        }
        None => {
            let Verdict { approved, by } = *verdict;
            let decided = Decided { approved, by: by.to_owned(), at: now, note: note.map(str::to_owned) };
            Ok(ApprovalRecord { decided: Some(decided), ..before.clone() })
        }
    }
}
