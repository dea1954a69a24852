//! What rules see: the records and their members, each with its type and what it may be. One table, which the checker, the evaluator
//! and the messages share.

use std::fmt;

use crate::{
    bounds::Bounds,
    datum::Datum,
    types::Type::{self, Bool, Int, Text},
};

/// A record: a thing with fixed members.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Record {
    Principal,
    Key,
    Tool,
    Annotations,
    Server,
    Time,
    Network,
}

/// What a name, or a member of a record, is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Member {
    Record(Record),
    Fact(Fact),
    Labels,
    Arguments,
}

/// A member that is a single value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fact {
    Tenant,
    Team,
    User,
    View,
    KeyId,
    KeyName,
    ToolName,
    ToolKind,
    ToolTitle,
    ToolDescription,
    AnnotatedTitle,
    ReadOnly,
    Destructive,
    Idempotent,
    OpenWorld,
    ServerId,
    ServerNetwork,
    EpochMs,
    Year,
    Month,
    Day,
    Hour,
    Minute,
    Weekday,
    Date,
    Ip,
    Host,
}

/// What a member may be, where it is less than its type says.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Domain {
    Words(&'static [&'static str]),
    Range(i64, i64),
}

impl Domain {
    /// Whether a member may be `value`; what is not of its type is another's concern.
    pub(crate) fn holds(self, value: &Datum<'_>) -> bool {
        match (self, value) {
            (Self::Words(words), Datum::Text(text)) => words.contains(&&**text),
            (Self::Range(least, most), Datum::Int(int)) => (least..=most).contains(int),
            _ => true,
        }
    }
}

impl fmt::Display for Domain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Words(words) => f.write_str(&words.join(", ")),
            Self::Range(1, 7) => f.write_str("1 (Monday) to 7 (Sunday)"),
            Self::Range(least, most) => write!(f, "{least} to {most}"),
        }
    }
}

impl Record {
    /// As a rule writes it.
    pub(crate) const fn path(self) -> &'static str {
        match self {
            Self::Principal => "principal",
            Self::Key => "principal.key",
            Self::Tool => "tool",
            Self::Annotations => "tool.annotations",
            Self::Server => "server",
            Self::Time => "time",
            Self::Network => "network",
        }
    }

    const fn table(self) -> &'static [(&'static str, Member)] {
        use Member::{Fact as F, Labels, Record as R};
        match self {
            Self::Principal => &[
                ("tenant", F(Fact::Tenant)),
                ("key", R(Self::Key)),
                ("team", F(Fact::Team)),
                ("user", F(Fact::User)),
                ("view", F(Fact::View)),
            ],
            Self::Key => &[("id", F(Fact::KeyId)), ("name", F(Fact::KeyName)), ("labels", Labels)],
            Self::Tool => &[
                ("name", F(Fact::ToolName)),
                ("kind", F(Fact::ToolKind)),
                ("title", F(Fact::ToolTitle)),
                ("description", F(Fact::ToolDescription)),
                ("annotations", R(Self::Annotations)),
            ],
            Self::Annotations => &[
                ("title", F(Fact::AnnotatedTitle)),
                ("readOnlyHint", F(Fact::ReadOnly)),
                ("destructiveHint", F(Fact::Destructive)),
                ("idempotentHint", F(Fact::Idempotent)),
                ("openWorldHint", F(Fact::OpenWorld)),
            ],
            Self::Server => &[("id", F(Fact::ServerId)), ("network", F(Fact::ServerNetwork))],
            Self::Time => &[
                ("epoch_ms", F(Fact::EpochMs)),
                ("year", F(Fact::Year)),
                ("month", F(Fact::Month)),
                ("day", F(Fact::Day)),
                ("hour", F(Fact::Hour)),
                ("minute", F(Fact::Minute)),
                ("weekday", F(Fact::Weekday)),
                ("date", F(Fact::Date)),
            ],
            Self::Network => &[("ip", F(Fact::Ip)), ("host", F(Fact::Host))],
        }
    }

    /// Its member `name`.
    pub(crate) fn member(self, name: &str) -> Option<Member> {
        self.table().iter().find(|(own, _)| *own == name).map(|(_, member)| *member)
    }

    /// The names of its members, for a message.
    pub(crate) fn members(self) -> String {
        let names: Vec<&str> = self.table().iter().map(|(name, _)| *name).collect();
        names.join(", ")
    }
}

/// What a rule's first name stands for.
pub(crate) fn root(name: &str) -> Option<Member> {
    Some(match name {
        "principal" => Member::Record(Record::Principal),
        "tool" => Member::Record(Record::Tool),
        "server" => Member::Record(Record::Server),
        "time" => Member::Record(Record::Time),
        "network" => Member::Record(Record::Network),
        "arguments" => Member::Arguments,
        _ => return None,
    })
}

impl Fact {
    /// As a rule writes it.
    pub(crate) const fn path(self) -> &'static str {
        match self {
            Self::Tenant => "principal.tenant",
            Self::Team => "principal.team",
            Self::User => "principal.user",
            Self::View => "principal.view",
            Self::KeyId => "principal.key.id",
            Self::KeyName => "principal.key.name",
            Self::ToolName => "tool.name",
            Self::ToolKind => "tool.kind",
            Self::ToolTitle => "tool.title",
            Self::ToolDescription => "tool.description",
            Self::AnnotatedTitle => "tool.annotations.title",
            Self::ReadOnly => "tool.annotations.readOnlyHint",
            Self::Destructive => "tool.annotations.destructiveHint",
            Self::Idempotent => "tool.annotations.idempotentHint",
            Self::OpenWorld => "tool.annotations.openWorldHint",
            Self::ServerId => "server.id",
            Self::ServerNetwork => "server.network",
            Self::EpochMs => "time.epoch_ms",
            Self::Year => "time.year",
            Self::Month => "time.month",
            Self::Day => "time.day",
            Self::Hour => "time.hour",
            Self::Minute => "time.minute",
            Self::Weekday => "time.weekday",
            Self::Date => "time.date",
            Self::Ip => "network.ip",
            Self::Host => "network.host",
        }
    }

    /// The type of its value.
    pub(crate) const fn of_type(self) -> Type {
        match self {
            Self::ReadOnly | Self::Destructive | Self::Idempotent | Self::OpenWorld => Bool,
            Self::EpochMs | Self::Year | Self::Month | Self::Day | Self::Hour | Self::Minute | Self::Weekday => Int,
            _ => Text,
        }
    }

    /// Whether it may be absent.
    pub(crate) const fn optional(self) -> bool {
        matches!(
            self,
            Self::Team
                | Self::User
                | Self::View
                | Self::ToolTitle
                | Self::ToolDescription
                | Self::AnnotatedTitle
                | Self::Ip
                | Self::Host
        )
    }

    /// What it may be, if that is less than its type says.
    pub(crate) const fn domain(self) -> Option<Domain> {
        Some(match self {
            Self::ToolKind => Domain::Words(&["tool", "prompt", "resource", "template"]),
            Self::ServerNetwork => Domain::Words(&["public", "private", "loopback"]),
            Self::Month => Domain::Range(1, 12),
            Self::Day => Domain::Range(1, 31),
            Self::Hour => Domain::Range(0, 23),
            Self::Minute => Domain::Range(0, 59),
            Self::Weekday => Domain::Range(1, 7),
            _ => return None,
        })
    }

    /// The most bytes that a text may have; longer ones are not looked at.
    pub(crate) const fn most_bytes(self, bounds: &Bounds) -> usize {
        match self {
            Self::ToolTitle | Self::ToolDescription | Self::AnnotatedTitle => bounds.text_bytes,
            // A resource is named by its URI.
            Self::ToolName => 2_048,
            Self::Tenant | Self::KeyId | Self::ServerId | Self::View | Self::Ip => 64,
            Self::Team | Self::User | Self::KeyName | Self::Host => 1_024,
            _ => 16,
        }
    }

    /// What of a request it depends on.
    pub(crate) const fn need(self) -> Option<Need> {
        Some(match self {
            Self::User => Need::User,
            Self::Ip | Self::Host => Need::Network,
            Self::EpochMs
            | Self::Year
            | Self::Month
            | Self::Day
            | Self::Hour
            | Self::Minute
            | Self::Weekday
            | Self::Date => Need::Time,
            _ => return None,
        })
    }
}

/// Something that differs between requests of one key at one endpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Need {
    /// What the tool is called with.
    Arguments,
    /// When.
    Time,
    /// From where.
    Network,
    /// On behalf of whom.
    User,
}

/// What a policy's rules look at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Needs(u8);

impl Needs {
    /// Whether a rule looks at `need`.
    #[must_use]
    pub const fn has(self, need: Need) -> bool {
        self.0 & (1 << need as u8) != 0
    }

    pub(crate) const fn insert(&mut self, need: Need) {
        self.0 |= 1 << need as u8;
    }
}
