//! The revisions of the protocol, and the era each belongs to. Must never know how a revision is negotiated.

/// How a revision talks: with a handshake and sessions, or request by request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Era {
    /// `initialize`, then a session: up to 2025-11-25.
    Legacy,
    /// Every request stands alone: from 2026-07-28.
    Modern,
}

/// A revision of the protocol, oldest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Version {
    /// 2024-11-05: HTTP+SSE.
    V2024_11_05,
    /// 2025-03-26: Streamable HTTP, batches.
    V2025_03_26,
    /// 2025-06-18: no batches, the version header.
    V2025_06_18,
    /// 2025-11-25: the last with a handshake.
    V2025_11_25,
    /// 2026-07-28: stateless.
    V2026_07_28,
}

/// The newest revision that begins with `initialize`.
pub const LATEST_LEGACY: Version = Version::V2025_11_25;
/// The newest revision.
pub const LATEST_MODERN: Version = Version::V2026_07_28;
/// The modern revisions spoken here, as `server/discover` and a refusal name them.
pub const SUPPORTED_MODERN: &[&str] = &[LATEST_MODERN.as_str()];
/// What a legacy request speaks that does not say: the version header came later.
pub(crate) const UNSAID: Version = Version::V2025_03_26;

impl Version {
    /// Every revision, oldest first.
    pub const ALL: [Self; 5] =
        [Self::V2024_11_05, Self::V2025_03_26, Self::V2025_06_18, Self::V2025_11_25, Self::V2026_07_28];

    /// The revision's date, as the wire carries it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::V2024_11_05 => "2024-11-05",
            Self::V2025_03_26 => "2025-03-26",
            Self::V2025_06_18 => "2025-06-18",
            Self::V2025_11_25 => "2025-11-25",
            Self::V2026_07_28 => "2026-07-28",
        }
    }

    /// The revision with exactly this date.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|version| version.as_str() == text)
    }

    /// The era the revision belongs to.
    #[must_use]
    pub const fn era(self) -> Era {
        match self {
            Self::V2024_11_05 | Self::V2025_03_26 | Self::V2025_06_18 | Self::V2025_11_25 => Era::Legacy,
            Self::V2026_07_28 => Era::Modern,
        }
    }
}

impl core::fmt::Display for Version {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_date_names_its_revision_and_nothing_else_does() {
        for version in Version::ALL {
            assert_eq!(Version::parse(version.as_str()), Some(version));
        }
        for other in ["", "2025-11-2", "2025-11-25 ", "2099-01-01", "2024-10-07"] {
            assert_eq!(Version::parse(other), None, "{other:?}");
        }
    }

    #[test]
    fn revisions_are_ordered_and_only_the_newest_is_modern() {
        assert!(Version::ALL.is_sorted());
        let modern: Vec<_> = Version::ALL.into_iter().filter(|version| version.era() == Era::Modern).collect();
        assert_eq!(modern, [LATEST_MODERN]);
        assert_eq!(LATEST_LEGACY.era(), Era::Legacy);
    }
}
