"""`make torture`: faults against a whole FiLot out of real processes, and one checker that says what became of it.

    python -m tests.torture                          every row at full size
    python -m tests.torture --rows idle-kill,redis-dead --seed 7 --scale 0.1

A **row** is one kind of fault. It is a function with the decorator `rows.row`, in a module `*_rows.py` that is named in
`__main__.ROW_MODULES`:

    @row("redis-flushall", "FLUSHALL while uploads come", "0 lost, 0 doubled", Needs(parts=(WEB, "ocr-1", DEFAULT)))
    def redis_flushall(run: Run) -> None:
        sending = run.driver.start(run.size(300), rate=10)    # an HTTP client, with owners that only this run has
        while sending.goes_on:
            time.sleep(run.chance.uniform(0.3, 1.7))           # `chance` comes from --seed and the row's name
            ...                                                # the fault
        run.settle()                                           # waits; what takes longer than the limit is a breach
        run.figures["flushed"] = 12                            # shown in the table
        run.expect(flushed, "nothing was flushed")             # what else has to hold in this row

- One house stands for the whole run: a PostgreSQL, a Redis behind a proxy, a bucket of a store. `Needs` says which
  parts have to run in it for the row, and with which settings; those that already do are left alone (`House.suit`), so
  rows with the same needs stand next to each other. A part is one of `House.COMMANDS`; `ocr-2` is a second `ocr`.
- A row sees its own documents only, by its owners; what it killed it starts again.
- After the function the checker (`checker.faults_of`) compares the log of the driver, the database, the store and,
  where the row calls `partner.judge_partner`, the partner's journal, which is its truth: each effect once, none lost,
  each decision kept or told that it came too late. Nothing else says that a row has passed.
- `run.size(full, least)` and `run.seconds(full, least)` shrink with `--scale`; `run.timed` says whether limits of time
  are judged: in a short form, and with `--busy`, they are only told.
- The short form of every row runs in tests/torture/test_rows.py, unless its `no_short_form` says why it has none; the
  checker itself is tested with faults planted in its evidence, in tests/torture/test_checker.py and
  test_partner_truth.py.

What stands in for something says so: `stand_in.StandInEngine` reads nothing, and `launch` puts it, and the deaths of
`exits`, into a worker from outside. Nothing of FiLot itself knows of any of this.
"""
