//! Faults: what goes wrong next, scripted by a test or over the control endpoint.
//!
//! Scripts form a queue. A call takes the first script that fits it, so two scripts for the same call are a sequence
//! ("first 429, then 500"). Scripts live in memory: after a restart of the doubles nothing is scripted.

use std::num::NonZeroU32;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// What goes wrong, and at which double.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// Something goes wrong at the SMTP server.
    Smtp(SmtpFault),
    /// Something goes wrong at the billing API.
    Billing(HttpFault),
    /// Something goes wrong at the model endpoint.
    Model(HttpFault),
}

/// What goes wrong in an SMTP dialogue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SmtpFault {
    /// `RCPT TO` is answered with this code, 450 or 550 for example.
    RejectRecipient {
        /// The code that is answered, from 400 to 599.
        code: u16,
    },
    /// The end of the message is answered with this code; nothing is accepted.
    RejectMessage {
        /// The code that is answered, from 400 to 599.
        code: u16,
    },
    /// The connection ends after the message and before it is accepted.
    DropBeforeAccept,
    /// The message is accepted, and the connection ends before the final 250: the client cannot know.
    DropAfterAccept,
    /// The connection ends right after the final 250.
    DropAfterAnswer,
    /// All goes well, after the delay.
    Delay,
}

/// What goes wrong in an HTTP exchange.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HttpFault {
    /// This status is answered and nothing is processed.
    Status {
        /// The code that is answered, from 400 to 599.
        code: u16,
        /// Seconds for the `Retry-After` header.
        retry_after: Option<u32>,
    },
    /// The connection ends and nothing is processed.
    CloseBefore,
    /// The request is processed, and the connection ends before the answer: the client cannot know.
    CloseAfter,
    /// The request is processed, and the connection ends after this many bytes of the answer's body.
    CutBody {
        /// Bytes of the body that still arrive.
        after_bytes: usize,
    },
    /// All goes well, after the delay.
    Delay,
}

/// A fault with how often, when and for whom it happens.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "RawScript", into = "RawScript")]
pub struct Script {
    fault: Fault,
    times: NonZeroU32,
    skip: u32,
    only: Option<String>,
    delay: Duration,
}

impl Script {
    /// Scripts a fault for the next call.
    #[must_use]
    pub fn new(fault: Fault) -> Self {
        Self { fault, times: NonZeroU32::MIN, skip: 0, only: None, delay: Duration::ZERO }
    }

    /// The fault happens this many times.
    #[must_use]
    pub fn times(self, times: NonZeroU32) -> Self {
        Self { times, ..self }
    }

    /// The fault happens every time, until the faults are cleared.
    #[must_use]
    pub fn always(self) -> Self {
        self.times(NonZeroU32::MAX)
    }

    /// This many calls that fit are let through first.
    #[must_use]
    pub fn skip(self, skip: u32) -> Self {
        Self { skip, ..self }
    }

    /// Only calls whose subject contains this text: a recipient for SMTP, `METHOD /path` for HTTP.
    #[must_use]
    pub fn only(self, text: impl Into<String>) -> Self {
        Self { only: Some(text.into()), ..self }
    }

    /// The answer, or the end of the connection, comes this much later.
    #[must_use]
    pub fn delay(self, delay: Duration) -> Self {
        Self { delay, ..self }
    }

    fn fits(&self, subjects: &[&str]) -> bool {
        let Some(only) = &self.only else { return true };
        subjects.iter().any(|subject| subject.contains(only.as_str()))
    }
}

/// A fault that a call took from the queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Taken<F> {
    pub(crate) fault: F,
    pub(crate) delay: Duration,
}

/// The queue of scripts.
#[derive(Debug, Default)]
pub struct Faults {
    scripts: Mutex<Vec<Script>>,
}

impl Faults {
    /// Adds a script at the end of the queue.
    pub fn script(&self, script: Script) {
        self.lock().push(script);
    }

    /// Returns the scripts that still wait.
    #[must_use]
    pub fn waiting(&self) -> Vec<Script> {
        self.lock().clone()
    }

    /// Forgets every script.
    pub fn clear(&self) {
        self.lock().clear();
    }

    /// Takes what is scripted for a recipient.
    pub(crate) fn at_recipient(&self, recipient: &str) -> Option<Taken<SmtpFault>> {
        self.take(&[recipient], |fault| match fault {
            Fault::Smtp(fault @ SmtpFault::RejectRecipient { .. }) => Some(fault),
            _ => None,
        })
    }

    /// Takes what is scripted for the end of a message to these recipients.
    pub(crate) fn at_message(&self, recipients: &[String]) -> Option<Taken<SmtpFault>> {
        let subjects: Vec<&str> = recipients.iter().map(String::as_str).collect();
        self.take(&subjects, |fault| match fault {
            Fault::Smtp(SmtpFault::RejectRecipient { .. }) => None,
            Fault::Smtp(fault) => Some(fault),
            _ => None,
        })
    }

    /// Takes what is scripted for a billing call, `METHOD /path`.
    pub(crate) fn at_billing(&self, target: &str) -> Option<Taken<HttpFault>> {
        self.take(&[target], |fault| if let Fault::Billing(fault) = fault { Some(fault) } else { None })
    }

    /// Takes what is scripted for a model call, `METHOD /path`.
    pub(crate) fn at_model(&self, target: &str) -> Option<Taken<HttpFault>> {
        self.take(&[target], |fault| if let Fault::Model(fault) = fault { Some(fault) } else { None })
    }

    fn take<F>(&self, subjects: &[&str], pick: impl Fn(Fault) -> Option<F>) -> Option<Taken<F>> {
        let mut scripts = self.lock();
        for index in 0..scripts.len() {
            let Some(fault) = pick(scripts[index].fault).filter(|_| scripts[index].fits(subjects)) else {
                continue;
            };
            if scripts[index].skip > 0 {
                scripts[index].skip -= 1;
                return None;
            }
            let delay = scripts[index].delay;
            use_up(&mut scripts, index);
            return Some(Taken { fault, delay });
        }
        None
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Script>> {
        self.scripts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn use_up(scripts: &mut Vec<Script>, index: usize) {
    match NonZeroU32::new(scripts[index].times.get() - 1) {
        // `always` does not wear off.
        _ if scripts[index].times == NonZeroU32::MAX => {}
        Some(left) => scripts[index].times = left,
        None => drop(scripts.remove(index)),
    }
}

/// The JSON form of a script, flat so that a person can type it; unknown fields are refused.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawScript {
    double: String,
    fault: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<u16>,
    #[serde(skip_serializing_if = "Option::is_none")]
    retry_after: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    after_bytes: Option<usize>,
    #[serde(default = "once")]
    times: NonZeroU32,
    #[serde(default)]
    skip: u32,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    only: Option<String>,
    #[serde(default)]
    delay_ms: u64,
}

fn once() -> NonZeroU32 {
    NonZeroU32::MIN
}

/// Why a script in JSON is refused.
#[derive(Debug, thiserror::Error)]
enum ScriptError {
    #[error("`double` is \"smtp\", \"billing\" or \"model\", not \"{0}\"")]
    Double(String),
    #[error("{double} has no fault \"{fault}\"; it has {known}")]
    Fault { double: String, fault: String, known: &'static str },
    #[error("fault \"{fault}\" needs `{field}`{hint}")]
    Field { fault: String, field: &'static str, hint: &'static str },
    #[error("fault \"{fault}\" does not take `{field}`")]
    Unused { fault: String, field: &'static str },
}

const SMTP_FAULTS: &str =
    "reject_recipient, reject_message, drop_before_accept, drop_after_accept, drop_after_answer, delay";
const HTTP_FAULTS: &str = "status, close_before, close_after, cut_body, delay";

impl RawScript {
    fn code(&self) -> Result<u16, ScriptError> {
        let code = self.code.filter(|code| (400..600).contains(code));
        code.ok_or_else(|| self.needs("code", " between 400 and 599"))
    }

    fn needs(&self, field: &'static str, hint: &'static str) -> ScriptError {
        ScriptError::Field { fault: self.fault.clone(), field, hint }
    }

    fn smtp(&self) -> Result<SmtpFault, ScriptError> {
        match self.fault.as_str() {
            "reject_recipient" => Ok(SmtpFault::RejectRecipient { code: self.code()? }),
            "reject_message" => Ok(SmtpFault::RejectMessage { code: self.code()? }),
            "drop_before_accept" => Ok(SmtpFault::DropBeforeAccept),
            "drop_after_accept" => Ok(SmtpFault::DropAfterAccept),
            "drop_after_answer" => Ok(SmtpFault::DropAfterAnswer),
            "delay" => Ok(SmtpFault::Delay),
            _ => Err(self.unknown(SMTP_FAULTS)),
        }
    }

    fn http(&self) -> Result<HttpFault, ScriptError> {
        match self.fault.as_str() {
            "status" => Ok(HttpFault::Status { code: self.code()?, retry_after: self.retry_after }),
            "close_before" => Ok(HttpFault::CloseBefore),
            "close_after" => Ok(HttpFault::CloseAfter),
            "cut_body" => {
                let after_bytes = self.after_bytes.ok_or_else(|| self.needs("after_bytes", ""))?;
                Ok(HttpFault::CutBody { after_bytes })
            }
            "delay" => Ok(HttpFault::Delay),
            _ => Err(self.unknown(HTTP_FAULTS)),
        }
    }

    fn unknown(&self, known: &'static str) -> ScriptError {
        ScriptError::Fault { double: self.double.clone(), fault: self.fault.clone(), known }
    }

    /// A field that the fault would ignore is a mistake of the script's author.
    fn check_unused(&self) -> Result<(), ScriptError> {
        let takes_code = matches!(self.fault.as_str(), "status" | "reject_recipient" | "reject_message");
        let unused = [
            ("code", self.code.is_some() && !takes_code),
            ("retry_after", self.retry_after.is_some() && self.fault != "status"),
            ("after_bytes", self.after_bytes.is_some() && self.fault != "cut_body"),
        ];
        match unused.into_iter().find(|(_, is_unused)| *is_unused) {
            Some((field, _)) => Err(ScriptError::Unused { fault: self.fault.clone(), field }),
            None => Ok(()),
        }
    }
}

impl TryFrom<RawScript> for Script {
    type Error = ScriptError;

    fn try_from(raw: RawScript) -> Result<Self, Self::Error> {
        let fault = match raw.double.as_str() {
            "smtp" => Fault::Smtp(raw.smtp()?),
            "billing" => Fault::Billing(raw.http()?),
            "model" => Fault::Model(raw.http()?),
            _ => return Err(ScriptError::Double(raw.double)),
        };
        raw.check_unused()?;
        let delay = Duration::from_millis(raw.delay_ms);
        if delay.is_zero() && raw.fault == "delay" {
            return Err(raw.needs("delay_ms", ""));
        }
        Ok(Self { fault, times: raw.times, skip: raw.skip, only: raw.only, delay })
    }
}

impl From<Script> for RawScript {
    fn from(script: Script) -> Self {
        let (double, fault) = match script.fault {
            Fault::Smtp(fault) => ("smtp", smtp_parts(fault)),
            Fault::Billing(fault) => ("billing", http_parts(fault)),
            Fault::Model(fault) => ("model", http_parts(fault)),
        };
        Self {
            double: double.to_owned(),
            fault: fault.name.to_owned(),
            code: fault.code,
            retry_after: fault.retry_after,
            after_bytes: fault.after_bytes,
            times: script.times,
            skip: script.skip,
            only: script.only,
            delay_ms: u64::try_from(script.delay.as_millis()).unwrap_or(u64::MAX),
        }
    }
}

/// A fault taken apart into the fields of its JSON form.
#[derive(Default)]
struct Parts {
    name: &'static str,
    code: Option<u16>,
    retry_after: Option<u32>,
    after_bytes: Option<usize>,
}

fn smtp_parts(fault: SmtpFault) -> Parts {
    let (name, code) = match fault {
        SmtpFault::RejectRecipient { code } => ("reject_recipient", Some(code)),
        SmtpFault::RejectMessage { code } => ("reject_message", Some(code)),
        SmtpFault::DropBeforeAccept => ("drop_before_accept", None),
        SmtpFault::DropAfterAccept => ("drop_after_accept", None),
        SmtpFault::DropAfterAnswer => ("drop_after_answer", None),
        SmtpFault::Delay => ("delay", None),
    };
    Parts { name, code, ..Parts::default() }
}

fn http_parts(fault: HttpFault) -> Parts {
    match fault {
        HttpFault::Status { code, retry_after } => {
            Parts { name: "status", code: Some(code), retry_after, ..Parts::default() }
        }
        HttpFault::CloseBefore => Parts { name: "close_before", ..Parts::default() },
        HttpFault::CloseAfter => Parts { name: "close_after", ..Parts::default() },
        HttpFault::CutBody { after_bytes } => {
            Parts { name: "cut_body", after_bytes: Some(after_bytes), ..Parts::default() }
        }
        HttpFault::Delay => Parts { name: "delay", ..Parts::default() },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DOWN: HttpFault = HttpFault::Status { code: 503, retry_after: None };

    #[test]
    fn scripts_for_one_call_are_a_sequence() {
        let faults = Faults::default();
        faults.script(Script::new(Fault::Billing(DOWN)));
        faults.script(Script::new(Fault::Billing(HttpFault::CloseAfter)));
        let taken: Vec<_> = (0..3).map(|_| faults.at_billing("POST /v1/invoices").map(|t| t.fault)).collect();
        assert_eq!(taken, [Some(DOWN), Some(HttpFault::CloseAfter), None]);
    }

    #[test]
    fn a_script_skips_then_happens_as_often_as_said() {
        let faults = Faults::default();
        let twice = NonZeroU32::new(2).unwrap();
        faults.script(Script::new(Fault::Model(DOWN)).skip(1).times(twice));
        let hits: Vec<bool> = (0..4).map(|_| faults.at_model("POST /x").is_some()).collect();
        assert_eq!(hits, [false, true, true, false]);
    }

    #[test]
    fn a_script_waits_for_its_subject_and_its_double() {
        let faults = Faults::default();
        faults.script(Script::new(Fault::Smtp(SmtpFault::RejectRecipient { code: 550 })).only("maya@"));
        assert!(faults.at_recipient("bob@x.example").is_none());
        assert!(faults.at_message(&["maya@x.example".into()]).is_none(), "it belongs to RCPT");
        assert!(faults.at_billing("POST maya@").is_none());
        assert!(faults.at_recipient("maya@x.example").is_some());
    }

    #[test]
    fn the_json_form_reads_what_it_writes() {
        let script = Script::new(Fault::Billing(HttpFault::Status { code: 429, retry_after: Some(2) }))
            .only("POST /v1/invoices")
            .delay(Duration::from_millis(5));
        let text = serde_json::to_string(&script).unwrap();
        assert_eq!(serde_json::from_str::<Script>(&text).unwrap(), script, "{text}");
    }

    #[test]
    fn a_script_that_would_do_something_else_is_refused() {
        let refused = [
            (r#"{"double":"fax","fault":"delay","delay_ms":1}"#, "`double` is"),
            (r#"{"double":"smtp","fault":"close_after"}"#, "it has reject_recipient"),
            (r#"{"double":"smtp","fault":"reject_recipient","code":250}"#, "between 400 and 599"),
            (r#"{"double":"billing","fault":"delay"}"#, "needs `delay_ms`"),
            (r#"{"double":"billing","fault":"close_after","code":500}"#, "does not take `code`"),
            (r#"{"double":"billing","fault":"close_after","time":2}"#, "unknown field"),
        ];
        for (text, reason) in refused {
            let error = serde_json::from_str::<Script>(text).unwrap_err().to_string();
            assert!(error.contains(reason), "{text}: {error}");
        }
    }
}
