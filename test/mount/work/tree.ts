/**
 * Trees for copying programs: a shell script that makes one of `count` small files in the working directory, with everything
 * else a tree may have, all of it the same at each call. Device nodes need root, as mounting does.
 */

/** Makes about `count` files in directories of various depth, and with them what only some programs copy right. */
export function treeScript(count: number): string {
  return `
    awk -v n=${count} 'BEGIN {
      for (i = 0; i < n; i++) {
        d = "d" i % 40 "/e" i % 7 (i % 11 == 0 ? "/deeper/still" : "")
        if (!(d in made)) { system("mkdir -p " d); made[d] = 1 }
        file = d "/file" i (i % 97 == 0 ? " with \\047blanks\\047 and ü" : ".txt")
        for (k = 0; k <= i % 50; k++) printf "line %d of file %d\\n", k, i > file
        close(file)
      }
    }'
    mkdir kinds empty; cd kinds
    echo linked >one; ln one two; mkdir -p far; ln one far/three
    ln -s one relative; ln -s /nowhere/at/all dangling; ln -s ../kinds loop; ln -s "$(printf 'x%.0s' $(seq 900))" long
    mkfifo pipe; mknod null c 1 3; : >nothing
    printf 'run\\n' >program; chmod 4755 program; mkdir -m 1777 sticky; mkdir -m 2750 group; echo locked >locked; chmod 0 locked
    head -c 100000 /dev/zero >zeros; head -c 200001 /dev/urandom >large
    name=$(printf 'n%.0s' $(seq 255)); echo long >"$name"; mkdir "$(printf 'ü%.0s' $(seq 127))"
    truncate -s 5M holes; printf begin | dd of=holes conv=notrunc status=none
    printf middle | dd of=holes bs=1 seek=3000000 conv=notrunc status=none; truncate -s 3M hole
    setfattr -n user.text -v value one; setfattr -n user.bytes -v 0x00ff10 large; setfattr -n user.dir -v d far
    setfattr -n user.empty large
    chown 1234:567 one; chown -h 12:34 relative
    touch -d '1969-12-31 23:59:58.25 UTC' locked; touch -d '2001-02-03 04:05:06.123456789' one pipe large
    touch -h -d '2002-01-01 00:00:00.5' relative; touch -d '2040-01-01 01:02:03.987654321' program; cd ..
    touch -d '2003-03-03 03:03:03.3' kinds/far kinds d3 empty`;
}

/** Everything of a tree that cp -a, rsync -aHX and tar keep. */
export const tellAll = `
  { find . -mindepth 1 ! -type d -printf '%P %y %m %U %G %n %s %T@ %l\\n'
    find . -mindepth 1 -type d -printf '%P %y %m %U %G %T@\\n'; } | LC_ALL=C sort
  find . -type f -links +1 -printf '%i %P\\n' | LC_ALL=C sort -k 2 | awk '{ if (!($1 in n)) n[$1] = ++k; $1 = n[$1]; print }'
  find . \\( -type c -o -type b \\) -exec stat -c '%n %t %T' {} + | LC_ALL=C sort
  find . \\( -type f -o -type d \\) -print0 | LC_ALL=C sort -z | xargs -0r getfattr -h -d -m - -e hex
  find . -type f -print0 | LC_ALL=C sort -z | xargs -0r sha256sum`;
