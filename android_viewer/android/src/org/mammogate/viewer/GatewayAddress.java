package org.mammogate.viewer;

import java.net.IDN;
import java.util.Locale;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** Where the hospital's gateway is: an origin (RFC 6454), always https. Nothing of Android is in here. */
public final class GatewayAddress {
    private static final Pattern TYPED = Pattern.compile("(?:(\\w+)://)?([^/?#@\\s:\\\\]+)(?::(\\d{1,5}))?/?");
    private static final Pattern HOST = Pattern.compile("[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?");
    private static final int USUAL_PORT = 443;
    private static final int LONGEST_HOST = 253;

    private final String origin;

    private GatewayAddress(String origin) {
        this.origin = origin;
    }

    /** Reads what a person typed, for example {@code gateway.hospital}; null where that is no address of a gateway. */
    public static GatewayAddress read(String typed) {
        Matcher found = TYPED.matcher(typed == null ? "" : typed.trim());
        if (!found.matches()) return null;
        if (found.group(1) != null && !found.group(1).equalsIgnoreCase("https")) return null;
        String host;
        try {
            host = IDN.toASCII(found.group(2)).toLowerCase(Locale.ROOT);
        } catch (IllegalArgumentException noHost) {
            return null;
        }
        if (!HOST.matcher(host).matches() || host.length() > LONGEST_HOST || host.contains("..")) return null;
        int port = found.group(3) == null ? USUAL_PORT : Integer.parseInt(found.group(3));
        if (port < 1 || port > 65535) return null;
        return new GatewayAddress("https://" + host + (port == USUAL_PORT ? "" : ":" + port));
    }

    /** The origin as browsers write it: no slash at the end, no port where it is the usual one. */
    public String origin() {
        return origin;
    }

    /** The address of the page; {@code place} is what stands behind its #, empty for the start. */
    public String page(String place) {
        return origin + "/" + (place.isEmpty() ? "" : "#" + place);
    }

    /** Whether an address that the page asks for is the gateway's own. What is not plainly so, is not. */
    public boolean owns(String address) {
        if (address == null) return false;
        String rest = address.startsWith("blob:") ? address.substring("blob:".length()) : address;
        int scheme = rest.indexOf("://");
        if (scheme < 0 || !rest.substring(0, scheme).equalsIgnoreCase("https")) return false;
        int end = scheme + 3;
        while (end < rest.length() && "/?#".indexOf(rest.charAt(end)) < 0) end++;
        String authority = rest.substring(scheme + 3, end).toLowerCase(Locale.ROOT);
        if (authority.endsWith(":" + USUAL_PORT)) {
            authority = authority.substring(0, authority.length() - (":" + USUAL_PORT).length());
        }
        return ("https://" + authority).equals(origin);
    }
}
