//! A company whose playbook has scopes: in the run, in each other, in branches and around them.

use serde_json::Value;

use crate::companies::Company;

impl Company {
    /// Returns a company that does a piece of work in a scope, in which a person is asked, time passes and places are marked, each in a
    /// scope of its own branch; what goes wrong is taken back and written down, and the work is begun a second time.
    #[must_use]
    pub fn works(places: &[Value]) -> Self {
        Self::of("work", WORK, places)
    }
}

const WORK: &str = r#"schema = "adjutant/v1"
title = "Does a piece of work, and takes it back when it fails"

[input.note]
type = "string"
trust = "operator"

[input.places]
type = "list"
trust = "operator"

[[step]]
id = "first"
call = "desk.note"
with = { note = "{{ input.note }}" }
retry = { attempts = 3, backoff = "1s..5s" }
next = "work"

[[step]]
id = "work"
scope = "the work"
deadline = "8d"
on = { error = "sorry", expired = "sorry" }
visits = 2
next = "after"

[[step]]
id = "mark"
in = "work"
call = "desk.mark"
with = { note = "{{ input.note }}" }
retry = { attempts = 2, backoff = "1s..5s" }

[[step]]
id = "ask"
in = "work"
gate = "Book {{ input.note }}?"
show = ["input.note"]
risk = "low"
expires = "7d"
on = { denied = "no", expired = "no" }
next = "book"

[[step]]
id = "no"
in = "work"
end = "failed"

[[step]]
id = "book"
in = "work"
call = "desk.book"
with = { note = "{{ input.note }}" }
retry = { attempts = 3, backoff = "1s..5s" }
undo = { call = "desk.unbook", with = { id = "{{ steps.book.id }}" } }

[[step]]
id = "part"
in = "work"
scope = "the part that may fail"
deadline = "90m"
on = { error = "without" }
next = "last"

[[step]]
id = "rest"
in = "part"
wait = "1h"

[[step]]
id = "fan"
in = "part"
each = "{{ input.places }}"
as = "place"
max_items = 20
max_parallel = 2

[[step]]
id = "try"
in = "fan"
scope = "one place"
on = { error = "left" }
next = "kept"

[[step]]
id = "spot"
in = "try"
call = "desk.mark"
with = { note = "{{ place }}" }
retry = { attempts = 2, backoff = "1s..5s" }

[[step]]
id = "keep"
in = "try"
call = "desk.note"
with = { note = "{{ place }} {{ steps.spot.id }}" }
retry = { attempts = 2, backoff = "1s..5s" }

[[step]]
id = "left"
in = "fan"
choose = [{ when = "place_index == 0", to = "lost" }]
else = "kept"

[[step]]
id = "lost"
in = "fan"
end = "failed"

[[step]]
id = "kept"
in = "fan"
end = "done"

[[step]]
id = "tidy"
in = "part"
call = "desk.note"
with = { note = "tidy" }
retry = { attempts = 2, backoff = "1s..5s" }

[[step]]
id = "without"
in = "work"
call = "desk.note"
with = { note = "without: {{ steps.part.status }}" }
retry = { attempts = 2, backoff = "1s..5s" }
next = "last"

[[step]]
id = "last"
in = "work"
call = "desk.mark"
with = { note = "last" }
retry = { attempts = 2, backoff = "1s..5s" }

[[step]]
id = "sorry"
call = "desk.note"
with = { note = "sorry: {{ steps.work.status }}" }
retry = { attempts = 2, backoff = "1s..5s" }

[[step]]
id = "again"
choose = [{ when = "steps.work.status == 'error'", to = "work" }]
else = "done"

[[step]]
id = "after"
call = "desk.note"
with = { note = "after" }
retry = { attempts = 2, backoff = "1s..5s" }
next = "done"

[[step]]
id = "done"
end = "done"
"#;
