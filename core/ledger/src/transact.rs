//! What is done to several documents together: the accounts of a take, and the receipt of a call.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use toolgate_model::{Amount, Timestamp};
use toolgate_ports::{
    AccountId, AccountUsage, Ask, EntryId, Forget, Grant, LedgerError, MAX_ASKS, MAX_SETTLEMENTS, Outlook, ReceiptId,
    Refused, Settlement, Take, Taken, Terms,
};

use crate::{
    account::{Account, Lengths, Plan, Short},
    receipt::Receipt,
};

/// The longest that anything stays open, in milliseconds: a day.
const MAX_OPEN_FOR: u64 = 24 * 3_600_000;
const ACCOUNTS: &str = "a/";
const RECEIPTS: &str = "r/";

/// What a limit's or a tenant's accounts are called: a document's name begins so.
#[must_use]
pub fn account_name(id: &str) -> String {
    format!("{ACCOUNTS}{id}")
}

/// The account that a document called `name` holds.
#[must_use]
pub fn account_of(name: &str) -> Option<AccountId> {
    name.strip_prefix(ACCOUNTS).map(AccountId::stored)
}

fn receipt_name(id: &ReceiptId) -> String {
    format!("{RECEIPTS}{}", id.0)
}

/// A document.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
enum Document {
    #[serde(rename = "a")]
    Account(Account),
    #[serde(rename = "r")]
    Receipt(Receipt),
}

/// A document that has to be written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// What it is called.
    pub name: String,
    /// What it holds now; `None` if it is to be removed.
    pub value: Option<Vec<u8>>,
    /// From when on it is worth nothing and may be removed, in milliseconds since 1970.
    pub expires: Option<u64>,
}

#[derive(Debug, Default)]
struct Slot {
    document: Option<Document>,
    /// It is not as it was when it was put in.
    changed: Option<Changed>,
}

#[derive(Debug, Clone, Copy)]
struct Changed;

/// The documents of one operation. All that [`Drawer::names_of_take`] or [`Drawer::names_of_settlement`] name are put in, then the
/// operation is done, then [`Drawer::changes`] are written: all of them or none.
#[derive(Debug, Default)]
pub struct Drawer {
    slots: BTreeMap<String, Slot>,
}

impl Drawer {
    /// The documents that `take` needs, each once.
    ///
    /// # Errors
    /// [`LedgerError::Refused`] beyond what one take may ask for.
    pub fn names_of_take(take: &Take) -> Result<Vec<String>, LedgerError> {
        check(take)?;
        let accounts = take.asks.iter().map(|ask| account_name(ask.account.as_str()));
        let settled = take.settle.iter().flat_map(Self::names_of_settlement);
        let mut names: Vec<String> = accounts.chain(settled).chain(take.receipt.iter().map(receipt_name)).collect();
        names.sort_unstable();
        names.dedup();
        Ok(names)
    }

    /// The documents that `settlement` needs.
    pub fn names_of_settlement(settlement: &Settlement) -> impl Iterator<Item = String> + use<> {
        let receipt = settlement.void.as_ref().map(receipt_name);
        std::iter::once(account_name(settlement.account.as_str())).chain(receipt)
    }

    /// Puts a document in, or that there is none.
    ///
    /// # Errors
    /// [`LedgerError::Corrupt`] if it can't be read. It is not taken for a new one: that would allow everything again.
    pub fn put(&mut self, name: &str, value: Option<&[u8]>) -> Result<(), LedgerError> {
        let document = value.map(serde_json::from_slice).transpose();
        let document = document.map_err(|error| LedgerError::Corrupt(format!("{name}: {error}")))?;
        self.slots.insert(name.to_owned(), Slot { document, changed: None });
        Ok(())
    }

    /// [`toolgate_ports::Ledger::take`].
    ///
    /// # Errors
    /// [`LedgerError::Refused`] if it asks for what no ledger gives.
    pub fn take(&mut self, take: &Take, now: Timestamp) -> Result<Taken, LedgerError> {
        check(take)?;
        for settlement in &take.settle {
            self.settle(settlement, now)?;
        }
        let now = now.as_millis();
        let repetition = take.receipt.as_ref().is_some_and(|id| self.covers(id, take.id, now));
        let mut plans = Vec::with_capacity(take.asks.len());
        let mut refused: Option<Refused> = None;
        for (number, ask) in take.asks.iter().enumerate() {
            match self.plan(take, ask, repetition, now)? {
                Ok(plan) => plans.push(plan),
                Err(short) => {
                    let short = short.refused(number);
                    refused = Some(refused.map_or(short, |known| known.or_longer(short)));
                }
            }
        }
        if let Some(refused) = refused {
            return Ok(Taken::Refused(refused));
        }
        if let Some(id) = &take.receipt {
            self.note(id, take.id, repetition, now);
        }
        let granted = take.asks.iter().zip(plans).map(|(ask, plan)| self.grant(take.id, ask, plan));
        Ok(Taken::Granted(granted.collect()))
    }

    /// [`toolgate_ports::Ledger::foresee`], at `now`. What it leaves in the drawer is not to be written.
    ///
    /// # Errors
    /// [`LedgerError::Refused`] if there are too many asks, [`LedgerError::Corrupt`] as [`Drawer::put`].
    pub fn foresee(&mut self, asks: &[Ask], now: Timestamp) -> Result<Vec<Outlook>, LedgerError> {
        let now = now.as_millis();
        let foreseen = asks.iter().enumerate().map(|(number, ask)| {
            let account = self.account(&ask.account)?;
            account.advance(now, Some(&ask.terms))?;
            let short = account.short_of(ask);
            Ok(Outlook { left: account.left(&ask.terms), refused: short.map(|short| short.refused(number)) })
        });
        foreseen.collect()
    }

    /// The documents that foreseeing `asks` needs.
    ///
    /// # Errors
    /// [`LedgerError::Refused`] if there are too many.
    pub fn names_of_asks(asks: &[Ask]) -> Result<Vec<String>, LedgerError> {
        if asks.len() > MAX_ASKS {
            return Err(LedgerError::Refused("at most 64 accounts are asked at once".to_owned()));
        }
        asks.iter().try_for_each(|ask| check_id(&ask.account))?;
        Ok(asks.iter().map(|ask| account_name(ask.account.as_str())).collect())
    }

    fn covers(&self, receipt: &ReceiptId, id: EntryId, now: u64) -> bool {
        self.receipt(receipt).is_some_and(|receipt| receipt.covers(id, now))
    }

    fn plan(&mut self, take: &Take, ask: &Ask, repetition: bool, now: u64) -> Result<Result<Plan, Short>, LedgerError> {
        // A repetition is a call like any other for rates and for calls at the same time.
        if repetition && matches!(ask.terms, Terms::Budget { .. }) {
            return Ok(Ok(Plan::Open(Grant::Repeated)));
        }
        let account = self.account(&ask.account)?;
        account.advance(now, Some(&ask.terms))?;
        account.plan(take.id, ask, Lengths { hold: take.hold, lease: take.lease })
    }

    fn grant(&mut self, id: EntryId, ask: &Ask, plan: Plan) -> Grant {
        if let Plan::Open(grant) = plan {
            return grant;
        }
        let slot = self.slots.entry(account_name(ask.account.as_str())).or_default();
        slot.changed = Some(Changed);
        match slot.document.get_or_insert_with(blank) {
            Document::Account(account) => account.grant(id, ask, plan),
            Document::Receipt(_) => Grant::Repeated,
        }
    }

    fn note(&mut self, receipt: &ReceiptId, id: EntryId, repetition: bool, now: u64) {
        let slot = self.slots.entry(receipt_name(receipt)).or_default();
        match &mut slot.document {
            Some(Document::Receipt(receipt)) if repetition => receipt.repeat(),
            // Asked again.
            Some(Document::Receipt(receipt)) if receipt.is_by(id) => return,
            document => *document = Some(Document::Receipt(Receipt::new(id, now))),
        }
        slot.changed = Some(Changed);
    }

    /// One of [`toolgate_ports::Ledger::settle`].
    ///
    /// # Errors
    /// [`LedgerError::Refused`] if it asks for what no ledger gives.
    pub fn settle(&mut self, settlement: &Settlement, now: Timestamp) -> Result<(), LedgerError> {
        check_id(&settlement.account)?;
        let charge = if self.voided(settlement) { settlement.charge } else { Amount::MAX };
        let account = self.account(&settlement.account)?;
        account.advance(now.as_millis(), None)?;
        if account.settle(settlement, charge) {
            let slot = self.slots.entry(account_name(settlement.account.as_str())).or_default();
            slot.changed = Some(Changed);
        }
        Ok(())
    }

    /// Whether what was not executed is free: not if somebody repeated the call on the strength of its receipt. The receipt goes with it.
    fn voided(&mut self, settlement: &Settlement) -> bool {
        let Some(id) = &settlement.void else { return true };
        let Some(receipt) = self.receipt(id).filter(|receipt| receipt.is_by(settlement.id)) else { return true };
        if receipt.was_used() {
            return false;
        }
        self.slots.insert(receipt_name(id), Slot { document: None, changed: Some(Changed) });
        true
    }

    fn receipt(&self, id: &ReceiptId) -> Option<&Receipt> {
        match self.slots.get(&receipt_name(id))?.document.as_ref()? {
            Document::Receipt(receipt) => Some(receipt),
            Document::Account(_) => None,
        }
    }

    fn account(&mut self, id: &AccountId) -> Result<&mut Account, LedgerError> {
        let slot = self.slots.entry(account_name(id.as_str())).or_default();
        match slot.document.get_or_insert_with(blank) {
            Document::Account(account) => Ok(account),
            Document::Receipt(_) => Err(LedgerError::Corrupt(format!("{id} holds something else"))),
        }
    }

    /// What the account that is called `name` holds. `None` if it holds no account.
    ///
    /// # Errors
    /// [`LedgerError::Corrupt`] if it can't be read.
    pub fn usage(name: &str, value: &[u8], terms: &Terms, now: Timestamp) -> Result<Option<AccountUsage>, LedgerError> {
        let mut drawer = Self::default();
        drawer.put(name, Some(value))?;
        let Some(id) = account_of(name) else { return Ok(None) };
        let account = drawer.account(&id)?;
        account.advance(now.as_millis(), Some(terms))?;
        Ok(Some(account.usage(id, terms)))
    }

    /// What has to be written.
    ///
    /// # Errors
    /// [`LedgerError::Corrupt`] if a document can't be spelled.
    pub fn changes(self) -> Result<Vec<Change>, LedgerError> {
        let changed = self.slots.into_iter().filter(|(_, slot)| slot.changed.is_some());
        changed.map(|(name, slot)| change(name, slot.document.as_ref())).collect()
    }
}

fn change(name: String, document: Option<&Document>) -> Result<Change, LedgerError> {
    let spelled = document.map(serde_json::to_vec).transpose();
    let value = spelled.map_err(|error| LedgerError::Corrupt(format!("{name}: {error}")))?;
    let expires = match document {
        Some(Document::Account(account)) => account.expires(),
        Some(Document::Receipt(receipt)) => Some(receipt.expires()),
        None => None,
    };
    Ok(Change { name, value, expires })
}

fn blank() -> Document {
    Document::Account(Account::default())
}

fn check(take: &Take) -> Result<(), LedgerError> {
    let refused = |what: &str| Err(LedgerError::Refused(what.to_owned()));
    if take.asks.len() > MAX_ASKS || take.settle.len() > MAX_SETTLEMENTS {
        return refused("one take asks at most 64 accounts and settles at most 200 entries");
    }
    if take.hold > MAX_OPEN_FOR || take.lease > MAX_OPEN_FOR {
        return refused("nothing stays open for longer than a day");
    }
    let mut accounts: Vec<&AccountId> = take.asks.iter().map(|ask| &ask.account).collect();
    accounts.iter().try_for_each(|id| check_id(id))?;
    accounts.sort_unstable();
    if accounts.windows(2).any(|pair| pair[0] == pair[1]) {
        return refused("a take asks each account once");
    }
    if take.receipt.as_ref().is_some_and(|receipt| !is_receipt(receipt)) {
        return refused("a receipt's id is 32 hexadecimal digits");
    }
    Ok(())
}

fn is_receipt(id: &ReceiptId) -> bool {
    id.0.len() == 32 && id.0.bytes().all(|byte| byte.is_ascii_hexdigit())
}

fn check_id(id: &AccountId) -> Result<(), LedgerError> {
    let text = id.as_str();
    if text.len() <= AccountId::MAX && text.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Ok(());
    }
    Err(LedgerError::Refused(format!("an account's id is at most {} visible ASCII characters", AccountId::MAX)))
}

/// How the names of all documents begin that [`toolgate_ports::Ledger::forget`] is to forget.
#[must_use]
pub fn forgotten_names(what: &Forget) -> Vec<String> {
    match what {
        Forget::Limit(limit) => vec![account_name(&AccountId::prefix_of_limit(limit))],
        Forget::Tenant => vec![ACCOUNTS.to_owned(), RECEIPTS.to_owned()],
    }
}
