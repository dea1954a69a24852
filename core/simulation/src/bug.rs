//! Mistakes to plant in a ledger, to see that they are found.

use serde_json::Value;
use toolgate_model::{Amount, TenantId, Timestamp};
use toolgate_ports::{AccountId, EntryId, Grant, Settlement, Then};

use crate::network::Network;

/// A mistake.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bug {
    /// What nobody reported of a slice is handed out again when it has expired.
    AnExpiredLeaseIsHandedOutAgain,
    /// What was closed once gives back again when it is closed again.
    ASettlementCountsTwice,
    /// A rolling window forgets its oldest slots.
    ARollingWindowForgetsEarly,
    /// Asked again, a take takes again.
    ATakeAskedAgainTakesAgain,
    /// A reservation that nobody closed is free again when it has expired.
    AnExpiredReservationIsFree,
    /// An instance looks at its wall clock alone to see whether a slice has ended.
    ALeaseEndsByTheWallClock,
}

impl Bug {
    /// What goes wrong before any operation.
    pub(crate) fn before(network: &Network, tenant: &TenantId, now: Timestamp) {
        let free = |which: fn(&Grant) -> bool| {
            let expired = network.oracle.borrow_mut().expired(now.as_millis(), which);
            let freed: Vec<Settlement> = expired.into_iter().map(|(account, id)| nothing(account, id)).collect();
            for chunk in freed.chunks(100) {
                let _ = network.ledger.settle_at(tenant, chunk, now);
            }
        };
        match network.bug {
            Some(Self::AnExpiredLeaseIsHandedOutAgain) => free(|grant| matches!(grant, Grant::Leased { .. })),
            Some(Self::AnExpiredReservationIsFree) => free(|grant| matches!(grant, Grant::Reserved)),
            Some(Self::ARollingWindowForgetsEarly) => {
                network.ledger.tamper(tenant, |_, value| forget_early(value, now.as_millis()));
            }
            _ => {}
        }
    }

    /// What goes wrong with settlements: those that are closed already are discharged once more.
    pub(crate) fn before_settle(network: &Network, tenant: &TenantId, settlements: &[Settlement], now: Timestamp) {
        if network.bug != Some(Self::ASettlementCountsTwice) {
            return;
        }
        for settlement in settlements {
            let again = network.oracle.borrow().gave_back(settlement);
            let name = toolgate_ledger::account_name(settlement.account.as_str());
            network.ledger.tamper(tenant, |found, value| {
                if found == name {
                    discharge(value, again, now.as_millis());
                }
            });
        }
    }
}

fn nothing(account: AccountId, id: EntryId) -> Settlement {
    Settlement { account, id, charge: Amount::ZERO, then: Then::Close, void: None }
}

/// The charges of a budget's document.
fn charges(document: &mut Value) -> Option<&mut Vec<Value>> {
    document.pointer_mut("/a/s/b/c")?.as_array_mut()
}

fn changed(value: &mut Vec<u8>, change: impl FnOnce(&mut Value)) {
    if let Ok(mut document) = serde_json::from_slice(value) {
        change(&mut document);
        *value = document.to_string().into_bytes();
    }
}

fn forget_early(value: &mut Vec<u8>, now: u64) {
    changed(value, |document| {
        let rolling = document.pointer("/a/s/b/w").and_then(Value::as_str) == Some("20s");
        if let Some(charges) = charges(document).filter(|_| rolling) {
            charges.retain(|charge| charge[0].as_u64().is_none_or(|slot| slot + 15_000 > now));
        }
    });
}

fn discharge(value: &mut Vec<u8>, amount: u64, _: u64) {
    changed(value, |document| {
        let last = charges(document).and_then(|charges| charges.last_mut());
        if let Some(charge) = last {
            charge[1] = charge[1].as_u64().unwrap_or(0).saturating_sub(amount).into();
        }
    });
}
