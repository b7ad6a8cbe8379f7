//! `retention`: how long what is kept, how the store grows, and what goes now.

use super::{Cx, show::when};
use crate::{
    cli::{
        args::RetentionAction,
        failure::{Exit, Outcome},
        out::{Table, words},
    },
    desk::views::{RemovedView, RetentionView},
};

/// Reports, or removes now what would go by the hour.
pub(crate) async fn retention(cx: &Cx, action: Option<&RetentionAction>) -> Outcome {
    match action {
        Some(RetentionAction::Run) => run(cx).await,
        None => report(cx).await,
    }
}

async fn run(cx: &Cx) -> Outcome {
    let answer = cx.client.order(&["retention", "run"]).await?;
    let Some(removed) = cx.view::<RemovedView>(answer)? else { return Ok(Exit::Done) };
    if !removed.is_any() {
        cx.out.say("nothing is old enough to go, or nothing says how long it is kept");
        return Ok(Exit::Done);
    }
    cx.out.data(words!("removed: runs {}, deliveries {}", removed.runs, removed.deliveries))
}

async fn report(cx: &Cx) -> Outcome {
    let Some(view) = cx.view::<RetentionView>(cx.client.get(&["retention"]).await?)? else {
        return Ok(Exit::Done);
    };
    let mut kept = Table::new(&["what", "kept"]);
    for class in &view.kept {
        let keep = class.keep.as_ref().map_or_else(|| "for good".to_owned(), |keep| format!("for {keep}"));
        kept.row([class.class.as_str().into(), keep.into()]);
    }
    cx.out.data(words!("{}", kept.render(cx.out.window)))?;
    match view.oldest {
        None => cx.out.data("\nno run has ended yet")?,
        Some(oldest) => cx.out.data(words!(
            "\nended runs: {}, the oldest began {}; {} may go now",
            view.ended,
            when(oldest),
            view.due
        ))?,
    };
    let each = match view.bytes_per_run {
        0 => String::new(),
        bytes => format!(", {} for each run", size(bytes)),
    };
    cx.out.data(words!("the store takes {}{}", size(view.bytes), each))?;
    if view.runs_per_day == 0.0 {
        return Ok(Exit::Done);
    }
    let rate = format!("{:.1}", view.runs_per_day);
    match view.bytes_in_the_end {
        Some(bytes) => cx.out.data(words!("with {} runs a day it gets about {} large", rate, size(bytes))),
        None => cx.out.data(words!(
            "with {} runs a day it grows by about {} a month: `[[retention]]` in a file of `policies/` ends that",
            rate,
            size(view.bytes_per_month)
        )),
    }
}

/// Returns a number of bytes as people say it.
fn size(bytes: u64) -> String {
    const UNITS: [&str; 5] = ["bytes", "KiB", "MiB", "GiB", "TiB"];
    let mut value = bytes as f64;
    let mut unit = 0;
    while value >= 1_024.0 && unit + 1 < UNITS.len() {
        (value, unit) = (value / 1_024.0, unit + 1);
    }
    if unit == 0 { format!("{bytes} bytes") } else { format!("{value:.1} {}", UNITS[unit]) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_told_in_the_largest_unit_that_fits() {
        let told = [0, 1_023, 1_024, 1_536, 5 << 20, 3 << 40, u64::MAX].map(size);
        assert_eq!(told[..5], ["0 bytes", "1023 bytes", "1.0 KiB", "1.5 KiB", "5.0 MiB"]);
        assert_eq!(told[5..], ["3.0 TiB", "16777216.0 TiB"]);
    }
}
