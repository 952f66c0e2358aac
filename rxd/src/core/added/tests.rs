//! The lists by hash, against a plain model.

use super::*;
use crate::lifecycle::manager::{Manager, continuous};

/// Names, with the hash of a type; the last two have the same hash of both.
fn all() -> Vec<(String, u64)> {
    let mut all: Vec<(String, u64)> = (0..40_u64).map(|nth| (format!("worker-{nth}"), nth % 3)).collect();
    all.extend(["twin", "other"].map(|name| (name.to_owned(), fnv1a("twin"))));
    all
}

#[test]
fn services_are_found_by_name_and_type_in_whatever_order_they_come_and_go() {
    let (services, all) = (AddedServices::new(0), all());
    let mut ids: Vec<Option<Id>> = vec![None; all.len()];
    let mut random = 1_u64;
    for _ in 0..20_000 {
        random = random.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(1);
        let nth = (random >> 33) as usize % all.len();
        let (name, hash) = &all[nth];
        match ids[nth].take() {
            Some(id) => services.withdraw(id),
            None => {
                const TABLE: &Table = &<continuous as Manager>::TABLE;
                let about = AddedFacts::new(name.clone().into(), Some(*hash), TABLE, &Options::DEFAULT);
                let id = services.reserve(about, &[], |_| true).unwrap();
                services.rows.lock().row_mut(id).unwrap().is_there = true;
                ids[nth] = Some(id);
            }
        }
        assert_eq!(services.id(name), ids[nth]);
        let mut expected: Vec<Id> = Vec::new();
        for ((name, of), id) in all.iter().zip(&ids) {
            expected.extend(id.filter(|_| of == hash));
            expected.extend(id.filter(|_| fnv1a(name) == *hash));
        }
        expected.sort_unstable();
        assert_eq!(services.with_hash(*hash), expected);
        // Each knows its places, so that its removal does not look for them.
        let rows = services.rows.lock();
        for ((name, hash), id) in all.iter().zip(&ids).filter(|((_, hash), _)| *hash < 3) {
            let Some((id, row)) = id.and_then(|id| Some((id, rows.row(id)?))) else { continue };
            let at = |hash: u64, of: HashOf| rows.by_hash[&hash][row.hash_places[of as usize] as usize].0;
            assert_eq!([at(fnv1a(name), HashOf::Name), at(*hash, HashOf::Type)], [id, id]);
        }
    }
}
