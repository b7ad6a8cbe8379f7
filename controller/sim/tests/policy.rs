//! Permissions: writes are denied unless granted, a stage only tightens, and a rename takes nothing away.

use adjutant_machine::{
    call::Call,
    money::{
        permission::{Asking, effect, name, permission},
        policy::{Permission, Question, decide},
    },
};
use adjutant_sim::companies::small;
use adjutant_spec::plan::{Autonomy, Effect, Level, Plan, Renamed, Stage, Subject};

fn plan(grants: &[(&str, &str, Level)]) -> Plan {
    let connector = "schema = \"adjutant/v1\"\nkind = \"http\"\nendpoint = \"https://crm.example.com\"\nwas = [\"people\"]\n\
                     [verbs.add]\nmethod = \"POST\"\npath = \"/a\"\neffect = \"write\"\n";
    let playbook = "schema = \"adjutant/v1\"\ntitle = \"I\"\nwas = [\"intake\", \"mails\"]\n\
                    [[step]]\nid = \"done\"\nend = \"done\"\n";
    let mut plan = small(&[("connectors/crm.toml", connector), ("playbooks/inbound.toml", playbook)]);
    plan.policies.autonomy = grants
        .iter()
        .map(|(subject, verb, level)| Autonomy {
            subject: (*subject).to_owned(),
            verb: (*verb).to_owned(),
            level: *level,
        })
        .collect();
    plan
}

fn asked(plan: &Plan, (playbook, verb, effect): (&str, &str, Effect)) -> Permission {
    decide(plan, question(&[plan.subject(&format!("playbook:{playbook}"))], verb, effect))
}

fn question<'a>(subjects: &'a [Subject], verb: &'a str, effect: Effect) -> Question<'a> {
    Question { subjects, verb, effect, is_approved: false, passed_by_condition: false, stage: Stage::Act }
}

const ADD: (&str, &str, Effect) = ("inbound", "crm.add", Effect::Write);

#[test]
fn writes_are_denied_unless_granted() {
    let verdict = |grants: &[(&str, &str, Level)]| asked(&plan(grants), ADD);
    assert!(matches!(verdict(&[]), Permission::Deny { .. }));
    assert!(matches!(verdict(&[("playbook:inbound", "crm.*", Level::Act)]), Permission::Allow { .. }));
    assert!(matches!(verdict(&[("playbook:inbound", "crmx.*", Level::Act)]), Permission::Deny { .. }));
    assert!(matches!(verdict(&[("playbook:other", "crm.*", Level::Act)]), Permission::Deny { .. }));
}

#[test]
fn a_grant_holds_under_every_name_that_its_subject_or_its_connector_has_or_had() {
    for subject in ["inbound", "intake", "mails"] {
        for connector in ["crm", "people"] {
            let plan = plan(&[(&format!("playbook:{subject}"), &format!("{connector}.add"), Level::Act)]);
            for playbook in ["inbound", "intake", "mails"] {
                for called in ["crm.add", "people.add"] {
                    let verdict = asked(&plan, (playbook, called, Effect::Write));
                    assert!(
                        matches!(verdict, Permission::Allow { .. }),
                        "{subject} {connector} {playbook} {called}"
                    );
                }
            }
        }
    }
}

#[test]
fn the_tightest_grant_counts() {
    let both = [("playbook:mails", "crm.*", Level::Act), ("playbook:inbound", "crm.add", Level::Ask)];
    assert!(matches!(asked(&plan(&both), ADD), Permission::Ask { .. }));
}

#[test]
fn no_grant_lets_a_guarded_verb_out_without_a_gate() {
    let plan = plan(&[("playbook:inbound", "crm.*", Level::Act)]);
    let subjects = [plan.subject("playbook:inbound")];
    for effect in [Effect::Send, Effect::Spend, Effect::Delete, Effect::Publish] {
        let verdict = decide(&plan, question(&subjects, "crm.add", effect));
        assert!(matches!(verdict, Permission::Deny { .. }), "{effect:?}");
        let approved = Question { is_approved: true, ..question(&subjects, "crm.add", effect) };
        assert!(matches!(decide(&plan, approved), Permission::Allow { .. }), "{effect:?}");
    }
}

#[test]
fn a_stage_only_tightens() {
    let plan = plan(&[("playbook:inbound", "crm.*", Level::Act)]);
    let subjects = [plan.subject("playbook:inbound")];
    let base = question(&subjects, "crm.add", Effect::Write);
    assert!(matches!(decide(&plan, Question { stage: Stage::Advise, ..base }), Permission::Ask { .. }));
    let observe = Question { stage: Stage::Observe, is_approved: true, ..base };
    assert!(matches!(decide(&plan, observe), Permission::Deny { .. }));
}

#[test]
fn a_signal_changes_something_and_stops_where_the_slice_does_not_act() {
    let plan = plan(&[]);
    let call =
        Call::Signal { signal: "paid".to_owned(), to: None, triggers: true, data: serde_json::Value::Null };
    assert_eq!((effect(&call), name(&call)), (Effect::Write, "signal"));
    let playbook = plan.playbooks.values().next().expect("it has one").oldest();
    let says = |stage| permission(&plan, &Asking { call: &call, approval: None, playbook: &playbook, stage });
    assert!(matches!(says(Stage::Observe), Permission::Deny { .. }));
    assert!(matches!(says(Stage::Advise), Permission::Ask { .. }));
    assert!(matches!(says(Stage::Act), Permission::Allow { .. }));
}
