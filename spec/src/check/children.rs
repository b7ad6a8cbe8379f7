//! What a playbook may know of the playbooks that it runs.

use crate::{
    compile::resolve::Resolved,
    draft::{Look, Part, Rows, Watcher},
    plan::Playbook,
};

/// The playbooks that a playbook may run, with their names resolved.
pub(crate) struct Children<'a> {
    pub(crate) resolved: &'a Rows<Resolved>,
    pub(crate) watcher: &'a Watcher,
}

impl<'a> Children<'a> {
    /// Returns a playbook by its id.
    pub(crate) fn get(&self, id: &str) -> Option<&'a Playbook> {
        self.watcher.note(Part::Resolved, Look::One(id));
        self.resolved.get(id).map(|found| found.playbook.as_ref())
    }
}
