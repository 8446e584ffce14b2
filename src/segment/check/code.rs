//! The rules that fleets keep.

use std::fmt;

/// Declares the rules with their titles, so that no code stands there twice.
macro_rules! rules {
    ($($(#[$doc:meta])* $code:ident $title:literal;)*) => {
        /// A rule that fleets keep; a code never changes its meaning.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub enum Rule {
            $($(#[$doc])* $code,)*
        }

        impl Rule {
            /// All rules.
            pub const ALL: &'static [Self] = &[$(Self::$code),*];

            /// The rule in a few words, as the table in `docs/formats/segment.md` has it.
            pub const fn title(self) -> &'static str {
                match self {
                    $(Self::$code => $title,)*
                }
            }
        }
    };
}

rules! {
    /// A category without a segment, or a segment without a category.
    KS101 "an image has a category and a segment";
    /// A name that no template has as its segment, and `fleet.toml` not as a network outside.
    KS102 "every segment that is named exists";
    /// A consumption of something that the segment does not provide.
    KS103 "what is consumed is provided";
    /// Another port or transport at either end.
    KS104 "both ends name the same port and transport";
    /// A consumer that the provider does not name.
    KS105 "the consumer is in the audience";
    /// A service, or SSH, that is open to a segment that does not use it.
    KS106 "nothing is open for nobody";
    /// One segment with several lifecycles or categories.
    KS107 "a segment has one category and one lifecycle";
    /// A legacy segment without a gateway, or reached past it.
    KS108 "legacy is reached by its gateway alone";
    /// Data that a front end or the outside reaches without a hop inside.
    KS109 "a front end reaches data by an internal hop alone";
    /// A public service of something that is no front end.
    KS110 "only a front end faces the public";
    /// Management that another category reaches.
    KS111 "management is reached from no other category";
    /// SSH that anybody may reach.
    KS112 "SSH is open to named segments alone";
    /// Packages or units that the category, or the template, forbids.
    KS113 "an image has nothing of another category";
    /// A unit that faces others without a ceiling, or one above that of its category.
    KS114 "exposure has a ceiling";
    /// Sockets and services that do not agree.
    KS115 "what is provided listens, and nothing else";
    /// Egress to anywhere without a reason.
    KS116 "egress to anywhere has a reason";
    /// Support that has ended.
    KS117 "what is current is supported";
    /// A demand of `fleet.toml` that does not hold.
    KS118 "what fleet.toml demands holds";
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}
