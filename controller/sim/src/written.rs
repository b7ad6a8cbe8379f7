//! A company whose branches are written in its file, and compiled as everybody's are.

use serde_json::Value;

use crate::companies::Company;

impl Company {
    /// Returns a company that asks a person for every place, books it, and then does two things for it side by side.
    #[must_use]
    pub fn books(places: &[Value]) -> Self {
        Self::of("book", BOOK, places)
    }
}

const BOOK: &str = r#"schema = "adjutant/v1"
title = "Books places"
deadline = "30d"

[input.note]
type = "string"
trust = "operator"

[input.places]
type = "list"
trust = "operator"

[[step]]
id = "first"
call = "desk.mark"
with = { note = "{{ input.note }}" }
retry = { attempts = 3, backoff = "1s..5s" }

[[step]]
id = "each-place"
each = "{{ input.places }}"
as = "place"
max_items = 20
max_parallel = 3
min_ok = 2
on = { some_failed = "few" }
next = "after"

[[step]]
id = "mark"
in = "each-place"
call = "desk.mark"
with = { note = "{{ place_index }} {{ place.name }} {{ steps.first.id }}" }
retry = { attempts = 3, backoff = "1s..5s" }

[[step]]
id = "ask"
in = "each-place"
gate = "Book {{ place.name }} for {{ input.note }}?"
show = ["place.name", "steps.first.id"]
risk = "low"
expires = "7d"
on = { denied = "no", expired = "no" }

[[step]]
id = "book"
in = "each-place"
call = "desk.book"
with = { note = "{{ place.name }} {{ steps.mark.id }}" }
retry = { attempts = 3, backoff = "1s..5s" }
undo = { call = "desk.unbook", with = { id = "{{ steps.book.id }}" } }

[[step]]
id = "both"
in = "each-place"
parallel = ["tell", "keep"]
next = "seal"

[[step]]
id = "told"
in = "both.tell"
call = "desk.note"
with = { note = "{{ place.name }} is booked as {{ steps.book.id }}" }
retry = { attempts = 3, backoff = "1s..5s" }

[[step]]
id = "kept"
in = "both.keep"
call = "desk.mark"
with = { note = "{{ place.name }}" }
retry = { attempts = 3, backoff = "1s..5s" }

[[step]]
id = "no"
in = "each-place"
end = "cancelled"

[[step]]
id = "seal"
in = "each-place"
call = "desk.note"
with = { note = "{{ steps.both.lanes.tell.value.told.id }}" }
retry = { attempts = 2, backoff = "1s..5s" }

[[step]]
id = "few"
call = "desk.note"
with = { note = "only {{ steps['each-place'].ok }}" }
retry = { attempts = 2, backoff = "1s..5s" }
next = "done"

[[step]]
id = "after"
call = "desk.note"
with = { note = "{{ steps['each-place'].ok }} of {{ input.places | length }}" }
retry = { attempts = 2, backoff = "1s..5s" }
next = "done"

[[step]]
id = "done"
end = "done"
"#;
