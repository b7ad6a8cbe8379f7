//! The circles that are not untied yet.

/// A circle that is still there: modules of one crate, and why they are not untied yet.
pub(crate) struct Tied {
    pub(crate) sources: &'static str,
    pub(crate) modules: &'static [&'static str],
    pub(crate) why: &'static str,
}

/// This list only gets shorter.
pub(crate) const TIED: &[Tied] = &[
    Tied {
        sources: "controller/src",
        modules: RUNTIME,
        why: "admission, drafts, records and the outbox pass one another the core; the host's rewrite takes them apart",
    },
    Tied {
        sources: "controller/src",
        modules: &["runtime::view::origin", "runtime::view::story", "runtime::view::why"],
        why: "an origin is told by lines of `why`; the views get one type each when `desk` has them",
    },
];

/// The runtime's knot around its core.
const RUNTIME: &[&str] = &[
    "runtime::activate",
    "runtime::admission",
    "runtime::answer",
    "runtime::core",
    "runtime::deliveries",
    "runtime::deliveries::attempt",
    "runtime::deliveries::store",
    "runtime::draft",
    "runtime::drift",
    "runtime::group",
    "runtime::handle",
    "runtime::hooks",
    "runtime::keys",
    "runtime::loops",
    "runtime::masked",
    "runtime::open",
    "runtime::outbox",
    "runtime::quarantine",
    "runtime::rates",
    "runtime::records",
    "runtime::schedule",
    "runtime::shard",
    "runtime::start",
    "runtime::switch",
    "runtime::tell",
    "runtime::tombstone",
    "runtime::view",
    "runtime::view::after",
    "runtime::view::audit",
    "runtime::view::corrections",
    "runtime::view::deliveries",
    "runtime::view::lists",
    "runtime::view::run",
    "runtime::view::said",
    "runtime::view::spend",
    "runtime::views::status",
    "runtime::windows",
];
