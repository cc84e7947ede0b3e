package org.mammogate.viewer;

/** What may be taken from other apps, told by a file's first bytes and by where it comes from. */
public final class SharedFile {
    /** How many bytes have to be read to tell. */
    public static final int NEEDED = 132;

    private static final int PREAMBLE = 128;

    private SharedFile() {}

    /**
     * Whether a file may be DICOM, or an archive of such files. It begins with 128 bytes of anything and DICM (PS3.10
     * 7.1), or, as some machines write it, with a first element of group 0002 or 0008 in little endian. The gateway
     * looks closer; this only spares people an upload of the wrong file.
     */
    public static boolean mayBeDicom(byte[] start, int length) {
        if (length >= NEEDED && spells(start, PREAMBLE, "DICM")) return true;
        if (length >= 4 && spells(start, 0, "PK\u0003\u0004")) return true;
        boolean isGroup = length >= 8 && (start[0] == 0x02 || start[0] == 0x08) && start[1] == 0;
        // The first element of such a file has a small number: group length, or one of those around SOP Class UID.
        return isGroup && start[3] == 0;
    }

    /** Whether an address is content of another app: not a path, and nothing that only we ourselves may read. */
    public static boolean isAnothers(String scheme, String authority, String ourPackage) {
        if (!"content".equals(scheme) || authority == null || authority.isEmpty()) return false;
        String provider = authority.substring(authority.lastIndexOf('@') + 1);
        return !provider.equals(ourPackage) && !provider.startsWith(ourPackage + ".");
    }

    private static boolean spells(byte[] bytes, int at, String word) {
        for (int i = 0; i < word.length(); i++) {
            if (bytes[at + i] != word.charAt(i)) return false;
        }
        return true;
    }
}
