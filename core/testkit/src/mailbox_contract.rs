//! What every mailbox must keep, whatever it is made of.

use std::time::Duration;

use bytes::Bytes;
use futures_util::future::join;
use toolgate_model::TenantId;
use toolgate_ports::{MAX_LETTER, MAX_LETTERS, Mailbox, StoreError};

const MOMENT: Duration = Duration::from_millis(20);
const LONG: Duration = Duration::from_secs(20);

fn check(holds: bool, what: &str) -> Result<(), String> {
    if holds { Ok(()) } else { Err(format!("the mailbox breaks its contract: {what}")) }
}

/// Checks `mailbox`, under names that begin with `fresh`; says what is wrong with it.
///
/// # Errors
/// The first rule it breaks.
pub async fn mailbox_contract(mailbox: &impl Mailbox, fresh: &str) -> Result<(), String> {
    let said = |error: StoreError| error.to_string();
    let (one, other) = (tenant("mailbox-a")?, tenant("mailbox-b")?);
    let name = |name: &str| format!("{fresh}/{name}");

    check(mailbox.take(&one, &name("empty"), MOMENT).await.map_err(said)?.is_none(), "patience runs out")?;

    for letter in ["1", "2", "3"] {
        mailbox.put(&one, &name("order"), letter.into()).await.map_err(said)?;
    }
    check(mailbox.take(&other, &name("order"), MOMENT).await.map_err(said)?.is_none(), "tenants are apart")?;
    check(mailbox.take(&one, &name("another"), MOMENT).await.map_err(said)?.is_none(), "names are apart")?;
    for letter in ["1", "2", "3"] {
        let taken = mailbox.take(&one, &name("order"), LONG).await.map_err(said)?;
        check(taken.as_deref() == Some(letter.as_bytes()), "letters come in their order")?;
    }
    check(mailbox.take(&one, &name("order"), MOMENT).await.map_err(said)?.is_none(), "each letter is given once")?;

    let waiting_name = name("waiting");
    let waiting = mailbox.take(&one, &waiting_name, LONG);
    let (taken, put) = join(waiting, mailbox.put(&one, &waiting_name, "late".into())).await;
    put.map_err(said)?;
    check(taken.map_err(said)?.as_deref() == Some(&b"late"[..]), "who waits gets what is left meanwhile")?;

    let long = Bytes::from(vec![b'x'; 700_000]);
    mailbox.put(&one, &name("long"), long.clone()).await.map_err(said)?;
    check(mailbox.take(&one, &name("long"), LONG).await.map_err(said)? == Some(long), "a long letter stays whole")?;

    let longer = mailbox.put(&one, &name("longer"), vec![0; MAX_LETTER + 1].into()).await;
    check(matches!(longer, Err(StoreError::Refused(_))), "a letter that is too long is refused")?;
    for _ in 0..MAX_LETTERS {
        mailbox.put(&one, &name("many"), "x".into()).await.map_err(said)?;
    }
    let more = mailbox.put(&one, &name("many"), "x".into()).await;
    check(matches!(more, Err(StoreError::Refused(_))), "too many letters are refused")
}

fn tenant(id: &str) -> Result<TenantId, String> {
    TenantId::new(id).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use crate::MemoryPlatform;

    #[test]
    fn memory_keeps_it() {
        let platform = MemoryPlatform::new();
        platform.run(super::mailbox_contract(&platform.mailbox, "m")).unwrap();
    }
}
