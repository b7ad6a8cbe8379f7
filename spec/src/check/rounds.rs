//! Checks that no playbook is started by what it does itself, again and again.

use super::cx::{Cx, Out, Say};
use crate::{
    diag::Code,
    plan::{RecordChange, RecordOp, StepKind, Trigger},
};

/// Refuses a playbook that each of its own writes would start anew. With `when` somebody has said where it stops; whether that is so
/// is seen when it runs, where so many runs in a row are the most.
pub(crate) fn check(cx: &Cx<'_>, out: &mut Out) {
    let Trigger::Record { record, on, when: None, .. } = &cx.playbook.trigger else { return };
    if *on == RecordChange::Created {
        return;
    }
    for (place, step) in cx.steps() {
        let StepKind::Record { op: RecordOp::Write { record: written, .. } } = &step.kind else { continue };
        if written == record {
            out.say(
                Code::E0227,
                cx.spot(place, "record.write"),
                Say {
                    message: format!(
                        "step \"{}\" writes \"{record}\", and each such write starts this playbook again",
                        step.id
                    ),
                    label: "starts it again",
                    help: "say with `when` of the trigger which writes are meant, or with `on = \"created\"`"
                        .to_owned(),
                },
            );
        }
    }
}
