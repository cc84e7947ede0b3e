package org.mammogate.viewer;

import android.content.Context;
import android.content.Intent;
import android.net.Uri;
import java.io.IOException;
import java.io.InputStream;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;

/** The files that another app hands us by Android's share sheet. */
final class SharedFiles {
    private SharedFiles() {}

    static boolean isShare(Intent intent) {
        String action = intent.getAction();
        return Intent.ACTION_SEND.equals(action) || Intent.ACTION_SEND_MULTIPLE.equals(action);
    }

    /** All that the other app offered. */
    static List<Uri> offered(Intent intent) {
        if (!isShare(intent)) return Collections.emptyList();
        List<Uri> files = new ArrayList<Uri>();
        if (Intent.ACTION_SEND.equals(intent.getAction())) {
            Uri one = intent.getParcelableExtra(Intent.EXTRA_STREAM);
            if (one != null) files.add(one);
        } else {
            List<Uri> several = intent.getParcelableArrayListExtra(Intent.EXTRA_STREAM);
            if (several != null) files.addAll(several);
        }
        return files;
    }

    /** Those of them that may be DICOM. */
    static List<Uri> of(Context context, Intent intent) {
        List<Uri> taken = new ArrayList<Uri>();
        for (Uri file : ofOthers(context, offered(intent))) {
            if (mayBeDicom(context, file)) taken.add(file);
        }
        return taken;
    }

    /** Those that are another app's to give. */
    static List<Uri> ofOthers(Context context, List<Uri> files) {
        List<Uri> others = new ArrayList<Uri>();
        for (Uri file : files) {
            if (SharedFile.isAnothers(file.getScheme(), file.getAuthority(), context.getPackageName())) others.add(file);
        }
        return others;
    }

    private static boolean mayBeDicom(Context context, Uri file) {
        byte[] start = new byte[SharedFile.NEEDED];
        int length = 0;
        try (InputStream content = context.getContentResolver().openInputStream(file)) {
            while (content != null && length < start.length) {
                int more = content.read(start, length, start.length - length);
                if (more < 0) break;
                length += more;
            }
        } catch (IOException | SecurityException unreadable) {
            return false;
        }
        return SharedFile.mayBeDicom(start, length);
    }
}
