use super::*;

fn batch() -> Batch {
    let append = Append {
        instance: InstanceId::run("lead-1"),
        expected: 2,
        entries: vec![content(b"", b"three"), content(b"k", b"four")],
        snapshot: Some(b"after four".to_vec()),
    };
    let put = |table| RowWrite { table, key: b"k".to_vec(), value: Some(b"v".to_vec()) };
    let blobs = vec![("d1".to_owned(), b"payload".to_vec()), ("d2".to_owned(), b"known".to_vec())];
    let trims = vec![Trim { instance: InstanceId::run("lead-0"), through: 7 }];
    let writes = vec![put(Table::Outbox), put(Table::Ledger)];
    Batch { appends: vec![append], writes, blobs, trims, ..Batch::default() }
}

fn content(skeleton: &[u8], payload: &[u8]) -> Content {
    Content { skeleton: skeleton.to_vec(), payload: payload.to_vec() }
}

fn link_under(salt: Salt) -> Link {
    let batch = batch();
    Parts::of(&batch, |_| salt).link(9, &batch, &BTreeSet::from(["d1".to_owned()]))
}

fn link() -> Link {
    link_under([7; 16])
}

#[test]
fn a_sealed_link_opens_as_it_was() {
    let sealed = link().seal(&Digest::of(b"before"));
    assert_eq!(Link::open(&sealed.bytes), Some(Opened { link: link(), hash: sealed.hash }));
}

#[test]
fn a_link_that_lets_an_instance_go_says_so() {
    let removals = vec![Removal { instance: InstanceId::run("lead-3"), last: 4 }];
    let link = Link { removals, ..link() };
    let sealed = link.seal(&Digest::of(b"before"));
    assert_eq!(Link::open(&sealed.bytes), Some(Opened { link: link.clone(), hash: sealed.hash }));
    let lets_go = |name: &str, last| link.lets_go(&InstanceId::run(name), last);
    assert!(lets_go("lead-3", 4) && lets_go("lead-0", 7));
    assert!(!lets_go("lead-3", 3) && !lets_go("lead-1", 4));
    for length in 0..sealed.bytes.len() {
        assert!(Link::open(&sealed.bytes[..length]).is_none_or(|opened| opened.hash != sealed.hash));
    }
}

#[test]
fn a_cut_link_does_not_open() {
    let sealed = link().seal(&Digest::default());
    for length in 0..sealed.bytes.len() {
        assert!(Link::open(&sealed.bytes[..length]).is_none_or(|opened| opened.hash != sealed.hash));
    }
}

#[test]
fn a_link_knows_its_entries_and_no_others() {
    let held: Vec<u64> = (0..9).filter(|seq| link().covers(&InstanceId::run("lead-1"), *seq)).collect();
    assert_eq!(held, [3, 4]);
    assert!(!link().covers(&InstanceId::run("lead-2"), 3));
    assert_eq!(link().blobs.len(), 1);
    assert_eq!(link().rows.len(), 1, "what follows from states is not chained");
    assert!(link().snapshot(&InstanceId::run("lead-1"), 4).is_some());
    assert_eq!(link().snapshot(&InstanceId::run("lead-1"), 3), None);
}

#[test]
fn a_digest_says_nothing_of_a_short_text_without_its_salt() {
    let (one, other) = (link_under([7; 16]), link_under([8; 16]));
    assert!(one.sections[0].entries.iter().zip(&other.sections[0].entries).all(|(a, b)| a != b));
    assert_ne!(one.sections[0].snapshot, other.sections[0].snapshot);
}

/// What is forgotten is the payload and the salt: the chain needs neither.
#[test]
fn a_skeleton_and_a_sealed_payload_are_enough() {
    let sealed = Digest::sealed(&[7; 16], b"four");
    let instance = &InstanceId::run("lead-1");
    let left = Digest::entry(EntryId { instance, seq: 4 }, b"k", &sealed);
    assert_eq!(link().sections[0].entry(4), Some(&left));
    assert_ne!(Digest::entry(EntryId { instance, seq: 4 }, b"x", &sealed), left);
}

#[test]
fn a_walk_names_the_first_broken_batch() {
    let mut walk = Walk::default();
    let mut previous = Digest::default();
    for number in 1..=5 {
        let mut sealed = Link { batch: number, ..link() }.seal(&previous);
        previous = sealed.hash;
        if number >= 3 {
            sealed.bytes[10] ^= 1;
        }
        walk.next(number, &sealed.bytes);
    }
    assert_eq!(walk.report().broken_at, Some(3));
}

#[test]
fn a_hole_in_the_numbers_breaks_the_chain() {
    let mut walk = Walk::default();
    let first = Link { batch: 1, ..link() }.seal(&Digest::default());
    walk.next(1, &first.bytes);
    walk.next(3, &Link { batch: 3, ..link() }.seal(&first.hash).bytes);
    assert_eq!(walk.report().broken_at, Some(2));
}

/// The encoding is on disk: this hash changes only together with `FORM`.
#[test]
fn the_form_of_links_is_on_disk() {
    let hex = link().seal(&Digest::default()).hash.hex();
    assert_eq!(hex, "2ef69966e5524953ad271537e04f421bb8a5d84b7a8974e13f5eb76ac1c6bf8a");
}
