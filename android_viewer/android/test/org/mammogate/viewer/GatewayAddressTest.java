package org.mammogate.viewer;

import static org.junit.Assert.assertEquals;
import static org.junit.Assert.assertFalse;
import static org.junit.Assert.assertNotNull;
import static org.junit.Assert.assertNull;
import static org.junit.Assert.assertTrue;

import java.net.URI;
import java.net.URISyntaxException;
import java.util.Random;
import org.junit.Test;

public class GatewayAddressTest {
    private static final GatewayAddress GATEWAY = GatewayAddress.read("gateway.hospital");

    @Test
    public void whatPeopleTypeBecomesAnOrigin() {
        assertEquals("https://gateway.hospital", GatewayAddress.read(" Gateway.Hospital/ ").origin());
        assertEquals("https://gateway.hospital", GatewayAddress.read("HTTPS://gateway.hospital:443").origin());
        assertEquals("https://10.1.2.3:8443", GatewayAddress.read("10.1.2.3:8443").origin());
        assertEquals("https://xn--mnchen-3ya.example", GatewayAddress.read("münchen.example").origin());
        assertEquals("https://gateway.hospital/#/upload", GATEWAY.page("/upload"));
        assertEquals("https://gateway.hospital/", GATEWAY.page(""));
    }

    @Test
    public void whatIsNoAddressOfAGatewayIsRefused() {
        String[] wrong = {
            null, "", " ", "http://gateway.hospital", "ftp://gateway.hospital", "javascript:alert(1)", "file:///data",
            "gateway.hospital/path", "gateway.hospital?x=1", "gateway.hospital#x", "someone@gateway.hospital",
            "gateway.hospital:0", "gateway.hospital:65536", "gateway.hospital:", "https://", "two words", "a..b", "-a",
            "gateway.hospital\\@evil.example", "https://gateway.hospital@evil.example", "a\"><b", "[::1",
        };
        for (String typed : wrong) assertNull(typed, GatewayAddress.read(typed));
    }

    @Test
    public void onlyTheGatewaysOwnAddressesAreOwned() {
        String[] own = {
            "https://gateway.hospital", "https://gateway.hospital/", "HTTPS://GATEWAY.hospital:443/api/v1/studies?x=http://b/#c",
            "https://gateway.hospital?x", "https://gateway.hospital#/study/1.2", "blob:https://gateway.hospital/1-2-3",
        };
        String[] others = {
            null, "", "http://gateway.hospital/", "https://gateway.hospital:8443/", "https://gateway.hospital.evil.example/",
            "https://evil.example/https://gateway.hospital/", "https://gateway.hospital@evil.example/",
            "https://evil.example#https://gateway.hospital", "https://gateway.hospital\\@evil.example/", "//gateway.hospital/",
            "https:gateway.hospital", "javascript://gateway.hospital/%0aalert(1)", "data:text/html,https://gateway.hospital",
            "content://gateway.hospital/", "file:///gateway.hospital", "blob:https://evil.example/1", "blob:null/1",
            "https://gateway.hospital:443:443/", "https://someone:word@gateway.hospital/",
        };
        for (String address : own) assertTrue(address, GATEWAY.owns(address));
        for (String address : others) assertFalse(address, GATEWAY.owns(address));
    }

    @Test
    public void whatIsReadOwnsItsOwnPagesAndReadsAsItself() {
        Random random = new Random(6);
        String letters = "abcxyz0189.-:/@\\#?hts% ";
        int read = 0;
        for (int round = 0; round < 200_000; round++) {
            StringBuilder typed = new StringBuilder(random.nextInt(3) == 0 ? "https://" : "");
            for (int length = random.nextInt(12); length >= 0; length--) typed.append(letters.charAt(random.nextInt(letters.length())));
            GatewayAddress address = GatewayAddress.read(typed.toString());
            if (address == null) continue;
            read++;
            assertEquals(address.origin(), GatewayAddress.read(address.origin()).origin());
            assertTrue(address.owns(address.page("")));
            assertTrue(address.owns(address.page("/study/1.2")));
        }
        assertTrue("no address among them", read > 1000);
    }

    @Test
    public void nothingIsOwnedThatAnotherReadingOfAddressesCallsForeign() {
        Random random = new Random(7);
        String[] parts = {
            "https", "http", "blob:", "://", ":", "//", "/", "\\", "@", "?", "#", "gateway.hospital", "evil.example", ".", ":443", ":8443", "%40", "a",
        };
        int owned = 0;
        for (int round = 0; round < 300_000; round++) {
            StringBuilder made = new StringBuilder(random.nextBoolean() ? "https://" : "");
            for (int length = random.nextInt(6); length >= 0; length--) made.append(parts[random.nextInt(parts.length)]);
            String address = made.toString();
            if (!GATEWAY.owns(address)) continue;
            owned++;
            URI second = parsed(address.startsWith("blob:") ? address.substring(5) : address);
            if (second == null) continue; // the other one can't read it, which says nothing
            assertEquals(address, "gateway.hospital", second.getHost());
            assertTrue(address, second.getPort() == -1 || second.getPort() == 443);
            assertEquals(address, "https", second.getScheme());
            assertNull(address, second.getUserInfo());
        }
        assertTrue("no own address among them", owned > 1000);
    }

    @Test
    public void aNameOfAnySizeIsEitherReadOrRefused() {
        StringBuilder name = new StringBuilder("a");
        for (int length = 1; length < 400; length += 7) {
            GatewayAddress read = GatewayAddress.read(name.toString());
            if (length <= 60) assertNotNull(read);
            if (length > 253) assertNull(read);
            name.append("abcdefg");
        }
    }

    private static URI parsed(String address) {
        try {
            return new URI(address);
        } catch (URISyntaxException unreadable) {
            return null;
        }
    }
}
