use super::super::tests::Store;
use super::*;

/// Every call asks these: one that reads through a table would be noticed only when there are thousands of people.
#[test]
fn each_statement_goes_by_keys_alone() {
    let store = Store::new();
    for sql in [ALONE, TO_CHANNEL, TO_PERSON].concat() {
        let mut plan = store.db.prepare(&format!("EXPLAIN QUERY PLAN {sql}")).unwrap();
        let steps = plan.raw_query().mapped(|row| row.get::<_, String>(3)).collect::<Result<Vec<_>, _>>().unwrap();
        assert!(steps.iter().any(|step| step.starts_with("SEARCH")), "{steps:?}");
        assert!(steps.iter().all(|step| !step.contains("SCAN") && !step.contains("AUTOMATIC")), "{steps:?}");
    }
}
