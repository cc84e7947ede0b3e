package org.mammogate.viewer;

import static org.junit.Assert.assertFalse;
import static org.junit.Assert.assertTrue;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Paths;
import java.util.Random;
import org.junit.Test;

public class SharedFileTest {
    @Test
    public void theFilesOfRealProgramsAreTold() throws IOException {
        // A folder of files named after what is expected; the test that calls us writes it.
        String[] names = Paths.get(System.getProperty("files")).toFile().list();
        assertTrue("no files", names != null && names.length >= 6);
        for (String name : names) {
            byte[] all = Files.readAllBytes(Paths.get(System.getProperty("files"), name));
            byte[] start = new byte[SharedFile.NEEDED];
            int length = Math.min(all.length, start.length);
            System.arraycopy(all, 0, start, 0, length);
            boolean isTaken = SharedFile.mayBeDicom(start, length);
            if (name.startsWith("yes-")) assertTrue(name, isTaken);
            else assertFalse(name, isTaken);
        }
    }

    @Test
    public void textIsNotTakenAndNoLengthBreaksIt() {
        byte[] text = "Dear colleague, please find enclosed".getBytes(StandardCharsets.US_ASCII);
        assertFalse(SharedFile.mayBeDicom(text, text.length));
        Random random = new Random(8);
        for (int round = 0; round < 100_000; round++) {
            byte[] bytes = new byte[SharedFile.NEEDED];
            random.nextBytes(bytes);
            int length = random.nextInt(bytes.length + 1);
            SharedFile.mayBeDicom(bytes, length);
            if (length == SharedFile.NEEDED) continue;
            for (int i = 0; i < 4; i++) bytes[i] = (byte) (65 + i);
            assertFalse(SharedFile.mayBeDicom(bytes, length));
        }
    }

    @Test
    public void onlyContentOfOtherAppsIsTaken() {
        String us = "org.mammogate.viewer";
        assertTrue(SharedFile.isAnothers("content", "com.android.providers.downloads.documents", us));
        assertTrue(SharedFile.isAnothers("content", "10@media", us));
        assertTrue(SharedFile.isAnothers("content", "org.mammogate.viewerother", us));
        assertFalse(SharedFile.isAnothers("file", "", us));
        assertFalse(SharedFile.isAnothers("file", null, us));
        assertFalse(SharedFile.isAnothers(null, null, us));
        assertFalse(SharedFile.isAnothers("content", "", us));
        assertFalse(SharedFile.isAnothers("content", us, us));
        assertFalse(SharedFile.isAnothers("content", us + ".files", us));
        assertFalse(SharedFile.isAnothers("content", "0@" + us + ".files", us));
        assertFalse(SharedFile.isAnothers("https", "gateway.hospital", us));
    }
}
