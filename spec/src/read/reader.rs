//! One file, read: what it holds, and what is wrong with its form.

use std::sync::Arc;

use serde_json::Value;
use toml::de::DeTable;

use super::{
    connector,
    cx::Cx,
    form::Form,
    layout::{self, PathKind, classify},
    leaf, object,
    parsed::{Files, Surroundings},
    playbook, policy, scenario, shape, text,
};
use crate::{
    diag::{Code, Diagnostic, Report, Spot},
    draft::{At, Draft, Kind, Node, Text},
    fields::{self, Table},
    files::slice_of,
    value::Template,
};

/// Reads files one by one.
pub(super) struct Reader<'a> {
    pub(super) files: &'a Files<'a>,
    pub(super) report: &'a mut Report,
    pub(super) draft: Draft,
    pub(super) surroundings: Surroundings,
}

impl<'a> Reader<'a> {
    pub(super) fn new(files: &'a Files<'a>, report: &'a mut Report, surroundings: Surroundings) -> Self {
        Self { files, report, draft: Draft::default(), surroundings }
    }

    /// Reads one file; company and slices are read before all others.
    pub(super) fn file(&mut self, path: &str, bytes: &Arc<[u8]>) {
        match classify(path) {
            PathKind::Company | PathKind::Slice => {}
            PathKind::Other => self.other(path, bytes, None),
            PathKind::Object(Kind::Record, id) => self.record(path, &id, bytes),
            PathKind::Object(kind, id) => self.object(path, kind, &id, bytes),
            PathKind::Prompt => self.markdown(path, bytes, |text| {
                leaf::template(text, &leaf::Known { roots: fields::AGENT_ROOTS, items: &[] })
            }),
            // What it may read depends on where it is rendered.
            PathKind::Template => {
                self.markdown(path, bytes, |text| leaf::syntax(text).map_err(|fault| vec![fault]));
            }
            PathKind::Runbook => self.wait_for(path, "runbooks"),
            PathKind::Secret(id) => {
                // Ciphertext in its armour is text, and is merged like text.
                if let Some(text) =
                    std::str::from_utf8(bytes).ok().filter(|text| text::conflict(text).is_some())
                {
                    self.report.source(path, text.into());
                    self.is_unmerged(path, text);
                }
                self.draft.secrets.insert(id, Arc::clone(bytes));
            }
            PathKind::Policy => self.policy(path, bytes),
            PathKind::Prices => self.prices(path, bytes),
            PathKind::Lock => self.lock(path, bytes),
            PathKind::Models => drop(self.toml(path, bytes, &fields::MODELS)),
            PathKind::Scenario => self.scenario(path, bytes),
            PathKind::Memory => self.wait_for(path, "contracts of memory"),
            PathKind::Cedar => self.refuse_cedar(path),
            PathKind::Stray(help) => {
                let message = format!("\"{path}\" is not a file of the language");
                self.report.push(Diagnostic::new(Code::E0014, Spot::file(path), message).help(help));
            }
            PathKind::Misspelt(known) => self.other(path, bytes, Some(known)),
            PathKind::Idle => {
                let message =
                    "nothing reads this file: it is none of the language, and does nothing in this folder";
                let help = "keep it elsewhere, or leave it here if that is meant";
                self.report.push(Diagnostic::new(Code::W0001, Spot::file(path), message).help(help));
            }
            PathKind::BadId(stem) => self.refuse_id(path, &stem),
        }
    }

    /// Names a file that nothing reads, where it looks like one that should be read: by its place, or by its first line.
    fn other(&mut self, path: &str, bytes: &[u8], near: Option<&'static str>) {
        let ours = !layout::is_ignored(path) && layout::is_structure(path) && text::says_ours(bytes);
        let within = layout::folder_within(path);
        let help = match near {
            Some(known) if known.contains('.') => format!("did you mean \"{known}\"?"),
            Some(known) => format!("did you mean \"{known}/\"?"),
            None => within.map_or_else(
                || "move it into the folder of its kind, such as playbooks/ or policies/".to_owned(),
                |folder| format!("\"{folder}/\" stands in the root, or in slices/<slice>/: move it there"),
            ),
        };
        let (code, message) = match near {
            _ if ours && (near.is_some() || within.is_some()) => {
                (Code::E0021, "this file is written in the language, and nothing reads it here")
            }
            Some(known) if known.contains('.') => {
                (Code::W0001, "no file of the language has this name, it does nothing")
            }
            Some(_) => (Code::W0001, "this folder is not one of the language, its files do nothing"),
            None if ours => (Code::W0001, "this file is written in the language, and nothing reads it here"),
            None => return,
        };
        self.report.push(Diagnostic::new(code, Spot::file(path), message).help(help));
    }

    /// Names a file that only a later version reads: it may stand there, and nobody is to count on it.
    fn wait_for(&mut self, path: &str, what: &str) {
        let message = format!("nothing reads {what} yet: this file does nothing");
        let help = "a later version will; until then nothing depends on what it says";
        self.report.push(Diagnostic::new(Code::W0001, Spot::file(path), message).help(help));
    }

    /// Reports what a merge has left in a file, and returns whether it did: neither side of a conflict is meant.
    fn is_unmerged(&mut self, path: &str, text: &str) -> bool {
        let Some(span) = text::conflict(text) else { return false };
        let message = "a merge has left its markers in this file";
        let help = "settle the conflict: keep what is meant and remove the lines of `<`, `=` and `>`";
        self.report.push(
            Diagnostic::new(Code::E0020, Spot::new(path, span), message).label("not merged").help(help),
        );
        true
    }

    fn refuse_cedar(&mut self, path: &str) {
        let message = "Cedar policies are not supported by this version";
        let help = "write the rule as a gate or as `[[autonomy]]` in policies/*.toml";
        self.report.push(Diagnostic::new(Code::E0900, Spot::file(path), message).help(help));
    }

    fn refuse_id(&mut self, path: &str, stem: &str) {
        let message = format!("\"{stem}\" is no id, and the name of this file is the id of what it holds");
        let help = format!("rename the file: {}", leaf::ID_FORM);
        self.report.push(Diagnostic::new(Code::E0015, Spot::file(path), message).help(help));
    }

    fn object(&mut self, path: &str, kind: Kind, id: &str, bytes: &[u8]) {
        let table = match kind {
            Kind::Playbook => &fields::PLAYBOOK,
            Kind::Agent => &fields::AGENT,
            Kind::Connector => &fields::CONNECTOR,
            Kind::Route | Kind::Record => &fields::ROUTE,
        };
        let read = self.toml(path, bytes, table).and_then(|node| self.build(path, kind, id, &node));
        if read.is_none() {
            self.draft.breaks(kind, id);
        }
    }

    fn build(&mut self, path: &str, kind: Kind, id: &str, node: &Node) -> Option<()> {
        let owner = self.surroundings.owner.clone();
        let head = object::Head { id: id.to_owned(), slice: slice_of(path).to_owned(), owner };
        let view = self.cx(path).view(node);
        let id = id.to_owned();
        match kind {
            Kind::Playbook => {
                let value = playbook::playbook(&view, head);
                self.draft.playbooks.insert(id, at(path, value));
            }
            Kind::Agent => {
                let value = object::agent(&view, head)?;
                self.draft.agents.insert(id, at(path, value));
            }
            Kind::Connector => {
                let value = connector::connector(&view, head)?;
                self.draft.connectors.insert(id, at(path, value));
            }
            Kind::Route | Kind::Record => {
                let value = object::route(&view, head);
                self.draft.routes.insert(id, at(path, value));
            }
        }
        Some(())
    }

    fn record(&mut self, path: &str, id: &str, bytes: &[u8]) {
        let text = self.text(path, bytes).filter(|text| !self.is_unmerged(path, text));
        let schema = text.and_then(|text| self.json_schema(path, &text));
        match schema {
            Some(schema) => self.draft.records.insert(id, at(path, schema)),
            None => self.draft.breaks(Kind::Record, id),
        }
    }

    fn json_schema(&mut self, path: &str, text: &str) -> Option<Value> {
        match shape::parse_json_schema(text) {
            Ok(schema) => Some(schema),
            Err(fault) => {
                let spot = Spot { file: path.to_owned(), span: fault.span };
                self.report.push(Diagnostic::new(fault.code, spot, fault.message).label("here"));
                None
            }
        }
    }

    fn markdown(
        &mut self,
        path: &str,
        bytes: &[u8],
        parse: impl FnOnce(&str) -> Result<Template, Vec<leaf::Fault>>,
    ) {
        let Some(text) = self.text(path, bytes) else { return };
        if self.is_unmerged(path, &text) {
            self.draft.texts.insert(path, Text { text, template: None });
            return;
        }
        let parsed = parse(&text);
        if let Err(faults) = &parsed {
            for fault in faults {
                let span = fault.part.clone().unwrap_or(0..0);
                let diagnostic = Diagnostic::new(fault.code, Spot::new(path, span), fault.message.clone());
                self.report.push(diagnostic.label(fault.label).help_if(fault.help.clone()));
            }
        }
        self.draft.texts.insert(path, Text { text, template: parsed.ok() });
    }

    fn policy(&mut self, path: &str, bytes: &[u8]) {
        if let Some(node) = self.toml(path, bytes, &fields::POLICY) {
            policy::collect(&self.cx(path).view(&node), path, &mut self.draft.policies);
        }
    }

    fn scenario(&mut self, path: &str, bytes: &[u8]) {
        let Some(node) = self.toml(path, bytes, &fields::SCENARIO) else { return };
        if let Some(value) = scenario::scenario(&self.cx(path).view(&node), path) {
            self.draft.scenarios.insert(path, at(path, value));
        }
    }

    fn prices(&mut self, path: &str, bytes: &[u8]) {
        if let Some(node) = self.toml(path, bytes, &fields::PRICES) {
            *self.draft.prices = policy::prices(&self.cx(path).view(&node)).map(|value| at(path, value));
        }
    }

    fn lock(&mut self, path: &str, bytes: &[u8]) {
        if let Some(node) = self.toml(path, bytes, &fields::LOCK) {
            let cx = self.cx(path);
            let view = cx.view(&node);
            *self.draft.models = view.text_map("models");
        }
    }

    /// Returns the text of a file, or reports why it has none.
    fn text(&mut self, path: &str, bytes: &[u8]) -> Option<Arc<str>> {
        match text::decode(bytes) {
            Ok(text) => {
                let text: Arc<str> = text.into();
                self.report.source(path, Arc::clone(&text));
                Some(text)
            }
            Err(text::NoText { code, message }) => {
                let help = "save the file as UTF-8 text";
                self.report.push(Diagnostic::new(code, Spot::file(path), message).help(help));
                None
            }
        }
    }

    /// Returns the tree of a TOML file whose syntax is right, its form checked.
    pub(super) fn toml(&mut self, path: &str, bytes: &[u8], table: &'static Table) -> Option<Node> {
        let text = self.text(path, bytes)?;
        if self.is_unmerged(path, &text) {
            self.draft.places.insert(
                path,
                Arc::clone(&text),
                Node::document(&DeTable::parse_recoverable("").0),
            );
            return None;
        }
        let (document, errors) = DeTable::parse_recoverable(&text);
        let node = Node::document(&document);
        if let Some(error) = errors.first() {
            let span = error.span().unwrap_or(0..0);
            let diagnostic = Diagnostic::new(Code::E0010, Spot::new(path, span), error.message().to_owned());
            self.report.push(diagnostic.label("the first syntax mistake of this file"));
            self.draft.places.insert(path, text, node);
            return None;
        }
        let cx = self.cx(path);
        Form::new(&cx, &text, self.report).document(&node, table);
        self.draft.places.insert(path, text, node.clone());
        Some(node)
    }

    pub(super) fn cx<'b>(&self, file: &'b str) -> Cx<'b>
    where
        Self: 'b,
    {
        Cx { files: self.files, file, currency: self.surroundings.currency }
    }
}

fn at<T>(file: &str, value: T) -> At<T> {
    At { file: file.to_owned(), key: String::new(), value }
}
