// Files for what does not fit into memory: they have no name, so that they are gone with their
// descriptor, whatever ends the process.
#pragma once

namespace millrace::io {

// A new file, to be read and written by this user only: in the directory that $TMPDIR names; where
// it names none, in /var/tmp, or else in /tmp (which is memory on many systems, and so comes last).
// Or a negative errno. This blocks, for as long as making an inode takes: once for each large body.
int open_temporary_file();

}  // namespace millrace::io
