/** SQLite over a database of the base, in both kinds of journal, through shared memory and mappings, by several processes. */
import { expect, test } from "vitest";
import { shell } from "../fixture.ts";
import { countOf, describeWork } from "./fixture.ts";

const rows = countOf("ROWS", 2000);
const transactions = countOf("TRANSACTIONS", 30);

const fill = (base: string) =>
  shell(
    `for mode in wal delete; do
      sqlite3 $mode.db "PRAGMA journal_mode=$mode; CREATE TABLE t(k INTEGER PRIMARY KEY, who, v);
        CREATE INDEX by_v ON t(v);
        WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 3000)
        INSERT INTO t(who, v) SELECT 'base', hex(randomblob(40)) FROM n"
    done; rm -f *-wal *-shm`,
    base,
  );

describeWork("SQLite in a mount", { needs: ["sqlite3"], fill }, (place) => {
  for (const mode of ["wal", "delete"]) {
    for (const mapped_bytes of [0, 64 << 20]) {
      const how = `journal_mode=${mode} and mmap_size=${mapped_bytes}`;
      const open = `PRAGMA journal_mode=${mode}; PRAGMA mmap_size=${mapped_bytes};`;

      test(`with ${how} takes and removes ${rows} rows and stays whole`, async () => {
        const told = await place().run(
          `sqlite3 -bail ${mode}.db "${open} BEGIN;
            WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ${rows})
            INSERT INTO t(who, v) SELECT 'ours', hex(randomblob(i % 400)) FROM n;
            COMMIT; BEGIN; DELETE FROM t; ROLLBACK;
            UPDATE t SET v = v || 'x' WHERE k % 7 = 0; VACUUM;
            DELETE FROM t WHERE who = 'ours' AND k % 2 = 0;
            PRAGMA integrity_check; SELECT count(*) FROM t WHERE who = 'base'; DELETE FROM t WHERE who = 'ours';"`,
        );
        expect(told.trim().split("\n").slice(-2)).toEqual(["ok", "3000"]);
      });

      test(`with ${how} loses none of 2 × ${transactions} transactions of two processes`, async () => {
        await place().run(
          `sqlite3 -bail ${mode}.db "${open}" >/dev/null
          work() {
            { echo "PRAGMA mmap_size=${mapped_bytes};"; for i in $(seq ${transactions}); do
              echo "BEGIN IMMEDIATE; INSERT INTO t(who, v) VALUES('$1', $i); UPDATE t SET v = v WHERE k = $i; COMMIT;"
              echo "SELECT count(*) FROM t WHERE who = '$1' HAVING count(*) <> $i;"
            done; } | sqlite3 -bail -cmd ".timeout 60000" ${mode}.db
          }
          work a >"$OUTSIDE/a" & first=$!; work b >"$OUTSIDE/b"; wait $first
          echo ${mapped_bytes} | cmp - "$OUTSIDE/a"; cmp "$OUTSIDE/a" "$OUTSIDE/b"`,
        );
        const told = await place().run(
          `sqlite3 -bail ${mode}.db "PRAGMA integrity_check; SELECT count(*) FROM t WHERE who IN ('a', 'b');
            DELETE FROM t WHERE who IN ('a', 'b')"`,
        );
        expect(told.trim().split("\n")).toEqual(["ok", String(2 * transactions)]);
      });
    }
  }

  test("finds its databases whole after a remount", async () => {
    await place().remount();
    for (const mode of ["wal", "delete"]) {
      const told = await place().run(
        `sqlite3 ${mode}.db "PRAGMA journal_mode; PRAGMA integrity_check; SELECT who, count(*) FROM t GROUP BY 1"`,
      );
      expect(told.trim().split("\n")).toEqual([mode, "ok", "base|3000"]);
    }
  });
});
