package org.mammogate.viewer;

import android.content.Context;
import android.content.SharedPreferences;

/** The gateway's address on this phone: built in, or what was typed at the first start. */
final class Site {
    private static final String KEPT = "site";
    private static final String ADDRESS = "address";

    private Site() {}

    static boolean isBuiltIn(Context context) {
        return GatewayAddress.read(context.getString(R.string.gateway_url)) != null;
    }

    /** The address, null while there is none. */
    static GatewayAddress address(Context context) {
        GatewayAddress builtIn = GatewayAddress.read(context.getString(R.string.gateway_url));
        return builtIn != null ? builtIn : GatewayAddress.read(kept(context).getString(ADDRESS, ""));
    }

    static void keep(Context context, GatewayAddress address) {
        kept(context).edit().putString(ADDRESS, address.origin()).apply();
    }

    private static SharedPreferences kept(Context context) {
        return context.getSharedPreferences(KEPT, Context.MODE_PRIVATE);
    }
}
