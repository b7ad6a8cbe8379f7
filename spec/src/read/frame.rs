//! The frame of a company: `adjutant.toml` and the `slice.toml` of each slice, which say how every other file is read.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    layout::{PathKind, classify},
    object,
    parsed::{Files, Surroundings},
    reader::Reader,
};
use crate::{
    diag::{Code, Diagnostic, Report, Spot},
    draft::{At, Draft},
    fields,
    files::{FileSet, slice_of},
    plan::{Company, Id, Persona, Slice, Stage},
    value::Currency,
};

/// The company and its slices, as read.
#[derive(Debug, Clone)]
pub(super) struct Frame {
    pub(super) draft: Draft,
    pub(super) report: Report,
    currency: Currency,
    /// Who owns each slice.
    owners: BTreeMap<Id, Id>,
}

impl Frame {
    /// Returns whether a file is one of those that the frame is read from.
    pub(super) fn is_read_from(path: &str) -> bool {
        matches!(classify(path), PathKind::Company | PathKind::Slice)
    }

    /// Reads company and slices.
    pub(super) fn read(set: &FileSet) -> Self {
        let files = Files::new(set);
        let mut report = Report::new();
        let mut reader = Reader::new(&files, &mut report, Surroundings::default());
        reader.company();
        reader.slices();
        let Reader { draft, surroundings, .. } = reader;
        let owners = draft.slices.iter().map(|(id, slice)| (id.clone(), slice.owner.clone())).collect();
        Self { draft, report, currency: surroundings.currency, owners }
    }

    /// Returns what a file is read with.
    pub(super) fn surroundings(&self, path: &str) -> Surroundings {
        let unowned = Surroundings { currency: self.currency, ..Surroundings::default() };
        match self.owners.get(slice_of(path)) {
            Some(owner) => Surroundings { owner: owner.clone(), ..unowned },
            None => unowned,
        }
    }

    /// Returns whether every file is read with the same under another frame.
    pub(super) fn surrounds_as(&self, other: &Self) -> bool {
        self.currency == other.currency && self.owners == other.owners
    }
}

impl Reader<'_> {
    fn company(&mut self) {
        const FILE: &str = "adjutant.toml";
        let Some(bytes) = self.files.set.get(FILE) else {
            let message = "there is no adjutant.toml in the root of the repository";
            let help = "make a company repository with `adjutant init DIR`";
            self.report.push(Diagnostic::new(Code::E0013, Spot::file(FILE), message).help(help));
            return;
        };
        let Some(node) = self.toml(FILE, bytes, &fields::COMPANY) else { return };
        if let Some(value) = object::company(&self.cx(FILE).view(&node)) {
            self.surroundings.currency = value.currency;
            *self.draft.company = Some(At { file: FILE.to_owned(), key: String::new(), value });
        }
    }

    fn slices(&mut self) {
        let company = self.company_or_default();
        let mut names: BTreeSet<&str> = self.files.set.iter().map(|(path, _)| slice_of(path)).collect();
        names.insert("company");
        for id in names.into_iter().map(str::to_owned) {
            let slice = Slice {
                id: id.clone(),
                owner: company.owner.clone(),
                stage: company.stage,
                metrics: Vec::new(),
            };
            let file =
                if id == "company" { "adjutant.toml".to_owned() } else { format!("slices/{id}/slice.toml") };
            self.draft.slices.insert(id, At { file, key: String::new(), value: slice });
        }
        let set = self.files.set;
        for (path, bytes) in set.iter().filter(|(path, _)| classify(path) == PathKind::Slice) {
            self.slice(path, bytes);
        }
    }

    fn slice(&mut self, path: &str, bytes: &[u8]) {
        let Some(node) = self.toml(path, bytes, &fields::SLICE) else { return };
        let view = self.cx(path).view(&node);
        let Some(before) = self.draft.slices.get(slice_of(path)).map(|slice| slice.value.clone()) else {
            return;
        };
        let value = object::slice(&view, before);
        let at = At { file: path.to_owned(), key: String::new(), value };
        self.draft.slices.insert(slice_of(path).to_owned(), at);
    }

    fn company_or_default(&self) -> Company {
        self.draft.company.as_ref().map_or_else(default_company, |company| company.value.clone())
    }
}

fn default_company() -> Company {
    Company {
        name: String::new(),
        owner: "operator".to_owned(),
        personas: vec![Persona { id: "operator".to_owned(), email: None, title: None }],
        zone: "UTC".to_owned(),
        currency: Currency::euro(),
        stage: Stage::Act,
    }
}
