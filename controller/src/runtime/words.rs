//! Words for events: what watchers and timelines show.

use adjutant_machine::event::Event;

/// Returns the word of an event, as it is stored.
pub(super) fn event(event: &Event) -> &'static str {
    match event {
        Event::RunStarted(_) => "run_started",
        Event::EffectLeased { .. } => "effect_leased",
        Event::EffectDeferred { .. } => "effect_deferred",
        Event::EffectHeldBack { .. } => "effect_held_back",
        Event::EffectDenied { .. } => "effect_denied",
        Event::EffectSucceeded { .. } => "effect_succeeded",
        Event::EffectFailed { .. } => "effect_failed",
        Event::EffectUnknown { .. } => "effect_unknown",
        Event::EffectProbed { .. } => "effect_probed",
        Event::EffectSettled { .. } => "effect_settled",
        Event::TimerFired { .. } => "timer_fired",
        Event::GateDecided(_) => "gate_decided",
        Event::ChildEnded { .. } => "child_ended",
        Event::RunPaused { .. } => "run_paused",
        Event::RunResumed => "run_resumed",
        Event::RunCancelled { .. } => "run_cancelled",
        Event::RunKilled { .. } => "run_killed",
        Event::RunRetried { .. } => "run_retried",
        Event::ClassCorrected { .. } => "class_corrected",
        Event::ClockSetBack => "clock_set_back",
        Event::EffectNeedsApproval { .. } => "effect_needs_approval",
        Event::EffectOutdated { .. } => "effect_outdated",
    }
}
